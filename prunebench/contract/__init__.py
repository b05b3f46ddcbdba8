"""What every method promises, as named checks a contributor can run one by one."""
