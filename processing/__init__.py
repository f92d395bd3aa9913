"""What is to be done and what has been done: sessions, batches, results.

Read in this order: states (enums and steps), models, creation, sources and scan (what there is to do), parent,
sweep, queue and cluster (who is to do it), worker and recorder (who lives), burial, then tasks, runner, photos and
similarity (the work itself), overriding (a person's verdicts), superseding (rows put aside) and turns (how
long acts let others write). What people see begins at progress and published; views and management/ show it.
The measures and verdicts are in analysis/, which knows nothing of Django.
"""
