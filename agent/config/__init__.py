"""The site file: read with line numbers, checked whole, compiled to `core.site.Site`."""
