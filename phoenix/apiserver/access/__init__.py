"""Who is asking, whether he may, how much at once, and the record of what he did."""
