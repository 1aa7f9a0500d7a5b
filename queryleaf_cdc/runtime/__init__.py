"""Executes compiled programs exactly once.

::

    Catalog(database).register(name, sql, or_replace=..., if_not_exists=..., start="now", images=[...], view=...)
                     .drop(name) · .pause(name) · .resume(name) · .refresh(name) · .get(name) · .list()
                                                                                           no running worker needed
    worker = Worker(client, "shop", build_program, procedures, limits=Limits(), clock=...)
    worker.start()            background; raises ServerError when the server cannot do it at all
    worker.run()              foreground until stop() in another thread; raises ServerError
    worker.stop(timeout)      ends after the transaction under way, gives the lease back
    worker.drain(timeout)     all that was committed before is processed, its consequences too, views are built, and
                              calls delivered; TimeoutError otherwise
    worker.status()           name → {kind, state, lag_seconds, events, errors, dead_letters, checkpoint_time, reason};
                              mongo.status.read_status(database) says the same from any other process
    worker.state, .trouble    starting | standby | running | stopped | failed; why nothing moves just now
    worker.metrics.snapshot() counters for a display

How a batch travels::

    mongo.ChangeSource ─► Reader (thread) ─► Tenure ─► Engine ─┬► fire_all ──────────┬► mongo.WriteBuffer ─┐
                                               │               └► Views (dataflows) ─┘                     ▼
                                               │ catalog events          one transaction: writes, outbox rows, views'
                                               ▼                         rows and state, dead letters, checkpoint
                                        active copy, new program         (compare-and-set)
                                                                                                           │
                                                          Delivery (thread) ◄── outbox rows ───────────────┘

How a view is built: ``ViewWork`` adds the new build to the program, ``Copying`` feeds it with what is there, piece by
piece between the batches, and once the position has passed the last piece, its rows are renamed over the target.
"""
