"""What must fit together in a spec: each module yields what does not, about one of its sections."""
