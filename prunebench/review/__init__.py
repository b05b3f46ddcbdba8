"""What a pull request is told about the methods and the published results that it changes."""
