"""A seeded simulation of many processes, on the real code and a real database; start in README.md, world, then actors.

One seed decides everything: who takes the next step, who dies and how, what a person asks for. After every step
that wrote, `checker` holds the rows against design §4; the README says which rule covers which guarantee. `mutants` are
wrong variants of the product, and each must be caught.
"""
