"""When a render is asked about, on a device that lags behind."""

import pytest
import torch

from klein_ui.contract import Hooks, Superseded
from klein_ui.engine.checkpoints import Checkpoints


class Device:
    """Records in which order steps are given, waited for and asked about."""

    def __init__(self, superseded_after: int = 99) -> None:
        self.said: list[str] = []
        self.given = 0
        self.superseded_after = superseded_after

    def mark(self) -> "Device.Wait":
        self.given += 1
        self.said.append(f"give {self.given}")
        return Device.Wait(self, self.given)

    def superseded(self, steps_done: int) -> bool:
        self.said.append(f"ask {steps_done}")
        return steps_done >= self.superseded_after

    class Wait:
        def __init__(self, device: "Device", step: int) -> None:
            self.device, self.step = device, step

        def __call__(self) -> None:
            self.device.said.append(f"wait {self.step}")


def run(device: Device, ahead: int, steps: int = 3) -> None:
    checkpoints = Checkpoints(Hooks(superseded=device.superseded), device.mark, ahead)
    for step in range(steps):
        checkpoints.given(step + 1)
    checkpoints.all_done()


def test_a_device_that_lags_has_the_next_step_before_the_last_is_waited_for() -> None:
    device = Device()
    run(device, ahead=1)
    assert device.said == [
        *("give 1", "give 2", "wait 1", "ask 1"),
        *("give 3", "wait 2", "ask 2", "wait 3", "ask 3"),
    ]


def test_a_device_that_does_not_lag_is_asked_about_at_once() -> None:
    device = Device()
    run(device, ahead=0, steps=2)
    assert device.said == ["give 1", "wait 1", "ask 1", "give 2", "wait 2", "ask 2"]


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_at_most_one_step_more_is_given_than_was_wanted(ahead: int, after: int) -> None:
    device = Device(superseded_after=after)
    with pytest.raises(Superseded):
        run(device, ahead)
    assert device.given <= min(after + ahead, 3)


def test_the_cpu_has_done_what_it_was_given() -> None:
    device = Device()
    checkpoints = Checkpoints.on(torch.device("cpu"), Hooks(superseded=device.superseded))
    checkpoints.ask(0)
    checkpoints.given(1)
    assert device.said == ["ask 0", "ask 1"]
    checkpoints.all_done()
    assert device.said == ["ask 0", "ask 1"]


@pytest.mark.gpu
def test_a_gpu_is_asked_about_a_step_that_is_done() -> None:
    asked: list[bool] = []
    work = torch.zeros(4096, 4096, device="cuda")
    done = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def superseded(steps_done: int) -> bool:
        asked.append(bool(done.query()))  # type: ignore[no-untyped-call]
        return False

    checkpoints = Checkpoints.on(work.device, Hooks(superseded=superseded))
    for _ in range(20):
        work = work @ work
    done.record()
    checkpoints.given(1)
    assert asked == []
    checkpoints.all_done()
    assert asked == [True]
