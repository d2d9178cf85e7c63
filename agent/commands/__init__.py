"""The commands, one file each. They print; everything else they leave to the parts."""
