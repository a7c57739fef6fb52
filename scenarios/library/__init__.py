"""The communities that come with recosim, as YAML."""
