"""A seeded simulation of many processes, on the real code and a real database; start in world, then actors.

One seed decides everything: who takes the next step, who dies and how, what a person asks for. After every step
that wrote, `checker` holds the rows against design §4. `mutants` are wrong variants of the product, and each must be caught.
"""
