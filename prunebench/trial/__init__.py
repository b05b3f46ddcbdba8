"""A first look at one method: beside two well-known ones, at one target of one model, in two minutes."""
