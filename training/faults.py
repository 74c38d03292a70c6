"""What may go wrong in a step without ending the run: it is left out or mended, counted and told, and too much of it
does end the run. All processes decide alike.
"""

import torch

from system.errors import InputError

SHOWN = 8  # Pairs in a message.


class Faults:
    """Judges the steps of a run; the counts are those of its Progress."""

    def __init__(self, config, processes, progress, pairs):
        """`pairs` is the PairDataset."""
        self.config, self.processes, self.progress, self.pairs = config, processes, progress, pairs
        self.skipped_in_a_row = 0

    def judge(self, passes, norm, incidents, unreadable, stop, reporter):
        """(whether the step is to be made, whether to stop), after the backward passes of a step.

        passes: (positions, Losses) of each. norm: the gradient's. incidents, unreadable: sentences on what befell the
        loader, and on images that could not be read. stop: whether this process was asked to stop. Raises InputError
        when there is too much of it.
        """
        bad_loss = ~torch.stack([losses.total.isfinite() for _, losses in passes]).all()
        bad_norm = ~norm.isfinite() & (not self.processes.scale_may_fall())
        totals = self.processes.total([bad_loss, bad_norm, len(incidents), len(unreadable), stop])
        bad_losses, bad_norms, restarts, replaced, stops = map(int, totals)
        if restarts:
            self._tell("loader", incidents, reporter)
        if replaced:
            self._tell("damaged", unreadable, reporter)
            self._count_damaged(replaced)
        if bad_losses or bad_norms:
            self._leave_out(passes, "loss" if bad_losses else "gradient", reporter)
        else:
            self.skipped_in_a_row = 0
        return not (bad_losses or bad_norms), stops > 0

    def _tell(self, kind, texts, reporter):
        for text in self.processes.gather(texts):
            reporter.event(self.progress.step + 1, kind, text)

    def _count_damaged(self, replaced):
        self.progress.damaged += replaced
        seen, share = max(self.progress.position, len(self.pairs)), self.config.data.max_damaged
        if self.progress.damaged > share * seen:
            raise InputError(
                f"data.lmdb: {self.progress.damaged} pairs had an image that cannot be read, which is more than "
                f"data.max_damaged={share} of {seen:,}; the last are named above. Make {self.config.data.lmdb} anew."
            )

    def _leave_out(self, passes, what, reporter):
        # Any of its pairs may be at fault: the batch statistics carry it to all of them.
        positions = [position for positions, _ in passes for position in positions.tolist()]
        names = self.processes.gather([" -> ".join(self.pairs.names(position)) for position in positions])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        self.progress.skipped += 1
        self.skipped_in_a_row += 1
        step = self.progress.step + 1
        reporter.event(step, "skipped", f"left out, its {what} is not finite; pairs: {'; '.join(names[:SHOWN])}{more}")
        if self.skipped_in_a_row == self.config.training.max_skipped:
            raise InputError(
                f"{self.config.training.output}: stopped at step {step}, the last of {self.skipped_in_a_row} in a row "
                "(training.max_skipped) without a finite loss and gradient. Earlier checkpoints are whole; a smaller "
                "training.learning_rate may help."
            )
