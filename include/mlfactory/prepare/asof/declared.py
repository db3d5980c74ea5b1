"""What a spec declares of the past, added to the frame that the product's function returned."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mlfactory.prepare.asof.joins import joined_features
from mlfactory.prepare.asof.past import Events
from mlfactory.prepare.asof.windows import window_features
from mlfactory.product.errors import BuildError
from mlfactory.product.spec import ProductSpec


def with_declared(
    spec: ProductSpec, where: str, frame: pd.DataFrame, sources: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return a built frame with the columns of `features.joined` and `features.windows`.

    Args:
        where: what an error begins with.
        frame: (events,) what build returned.
        sources: what it was given.

    Raises:
        BuildError: if a column that is asked for is not there, or one that is to be made is.
    """
    features = spec.features
    if not features.joined and not features.windows:
        return frame
    _refuse_taken(spec, where, frame)
    times = {name: source.event_time for name, source in spec.sources.items()}
    events = Events(where, frame, features.event_time, sources, times)
    made = []
    for place, joined in enumerate(features.joined):
        said = f"features.joined[{place}]"
        made.append(joined_features(events, joined, features.history, said))
    for place, windows in enumerate(features.windows):
        made.append(
            pd.DataFrame(dict(window_features(events, windows, f"features.windows[{place}]")))
        )
    return pd.concat([frame, *(each.set_axis(frame.index) for each in made)], axis="columns")


def _refuse_taken(spec: ProductSpec, where: str, frame: pd.DataFrame) -> None:
    taken = [name for name in spec.features.declared if name in frame.columns]
    if taken:
        raise BuildError(
            f"{where}: {spec.features.build} returned the column '{taken[0]}', which product.yaml "
            "has under features.joined or features.windows",
            remedy="let the function leave it out, or call one of them otherwise",
        )
