"""A drawn, clothed, articulated person: skeleton, surfaces, wardrobe and a small rasteriser. Lengths are centimetres.

Axes of the person: x to their left, y up, z forward. Seen from the front, x points to the right of the picture.
"""
