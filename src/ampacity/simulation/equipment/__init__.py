"""What stands at a site and comes to it, as numbers for the arrays of `batch.world`.

Each module says where its numbers come from; what no source gives is called an assumption. Nothing here reads
a clock: time, weather and generators come as arguments.
"""
