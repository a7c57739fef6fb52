"""Pure settlement functions over arrays: what the GSE pays and what a household pays."""
