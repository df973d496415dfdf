"""Figures that a backup system's stacks and its promises share, each with the reason for it."""

from __future__ import annotations

from datetime import timedelta

# BS-22. A message is invisible this long after a worker took it.
QUEUE_VISIBILITY = timedelta(seconds=900)
# AWS advises a visibility of six times the function's timeout, so that a throttled batch is not handed out twice:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html. The worker stops before its time is up,
# and what is left of a user goes back to the queue as a new message.
WORKER_TIMEOUT = QUEUE_VISIBILITY / 6
INITIATOR_TIMEOUT = timedelta(seconds=300)
INITIATOR_MEMORY_MB = 512
# The longest a Lambda function may run: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LONG_TIMEOUT = timedelta(minutes=15)
# Restored files wait this long to be fetched.
RESTORED_DAYS = 7
UNFINISHED_UPLOAD_DAYS = 7
SILENCE_HOURS = 24
