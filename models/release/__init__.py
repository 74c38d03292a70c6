"""The checkpoint of the authors' release: its names, and its weights as ours and back."""
