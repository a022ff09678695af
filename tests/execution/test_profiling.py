"""The sampler of a profile counts the processor time of the actors' own code."""

import time

from actors import Actor, Context, Params, Text
from runtime.execution.profiling import FRAME_SEPARATOR, StackSampler


class Spinner(Actor[Params]):
    """Use the processor for so many seconds."""

    def process(self, item: Text) -> Text:
        end = time.thread_time() + float(item.text)
        self.spin_until(end)
        return item

    def spin_until(self, end: float) -> None:
        while time.thread_time() < end:
            pass


def test_the_seconds_of_all_stacks_are_the_processor_time_of_the_code():
    actor = Spinner(Params(), context=Context("spinner", "session"))
    began = time.thread_time()
    with StackSampler() as sampler:
        actor.process(Text("0.5"))
    spent = time.thread_time() - began
    stacks = sampler.stacks["spinner"]
    most = max(stacks, key=lambda stack: stacks[stack])
    functions = [frame.partition(" ")[0] for frame in most.split(FRAME_SEPARATOR)]
    assert functions == ["Spinner.process", "Spinner.spin_until"]
    # The kernel looks in steps of up to 10 ms; what is after the last one is missing.
    assert 0.4 < sum(stacks.values()) <= spent


def test_code_that_waits_is_not_counted():
    class Sleeper(Spinner):
        def process(self, item: Text) -> Text:
            time.sleep(float(item.text))
            return item

    actor = Sleeper(Params(), context=Context("sleeper", "session"))
    with StackSampler() as sampler:
        actor.process(Text("0.3"))
    assert sum(sampler.stacks.get("sleeper", {}).values()) < 0.05
