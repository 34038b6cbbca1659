"""Components of boards: tables, pages, grids."""
