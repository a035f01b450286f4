"""What all callers of Google's APIs share: JSON over HTTP, pages, errors and their faults."""
