"""What is to be done and what has been done: sessions, batches, results.

Read in this order: states (enums and steps), models, scan, queue, worker, runner, similarity, tasks.
The measures and verdicts are in analysis/, which knows nothing of Django.
"""
