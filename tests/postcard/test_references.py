"""Edit data and batches: references are framed as the pipeline frames them."""

from pathlib import Path

import numpy as np
import torch

from klein_ui.postcard.batches import edit
from klein_ui.postcard.model import image_ids
from klein_ui.postcard.references import EditPool, make_edits, save_edits
from klein_ui.postcard.vae import TOKEN_CHANNELS, build_vae


def test_edits_become_batches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shard = make_edits(build_vae().eval(), 3, 2, 64, 96, rng)
    save_edits(shard, tmp_path / "0.pt")
    pool = EditPool(tmp_path)
    assert len(pool) == 3
    assert pool.tokens == 2 * 36 + 16
    batch = edit(pool, 4, rng)
    assert batch.bits is None
    assert batch.references is not None
    assert batch.reference_ids is not None
    assert batch.references.shape == (4, 2 * 36, TOKEN_CHANNELS)
    wanted = torch.cat([image_ids(6, 6, 10), image_ids(6, 6, 20)])
    assert torch.equal(batch.reference_ids, wanted)
