"""Our figures beside published ones: `recosim validate`."""
