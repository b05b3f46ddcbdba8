"""Where code runs that no person wrote: a process under bubblewrap that sees only the tensors of one call.

The engine stays outside. It gathers the statistics, chooses the weights to prune, masks and verifies; only the
call of the method's function crosses, as safetensors on two pipes (`wire`). What comes back is believed in
nothing: its names, shapes and sizes are checked before it is read, its values afterwards.

Inside there is no network, no other process, nothing of the user's files but the method's own, an empty
environment, and `/tmp` of a limited size that ends with the process (`confinement`, `seccomp`). A cell gets a
fresh process; its time, memory, threads, files and output are limited and watched (`process`, `watch`).

Not defended against: flaws of the kernel, reading the installed libraries, and a method that does its work
badly; that shows in its numbers.
"""
