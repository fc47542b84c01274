"""The embedded sketch model: its pictures, captions, training and evaluation.

Nothing at run time of the app imports this package: the app sees only the weights in
``assets/postcard``.
"""
