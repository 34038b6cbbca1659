"""Networks: layers, the homework's notation, architectures, saved files, inference and weight images."""
