"""What boards are put together from: tables, pages, grids."""
