"""The fusion item encoder: BERT tokens, poster patches and metadata in one sequence, on a base of likeness.

content = scale (base + correction). The base compares a film with the films training knew (a regression on
its likeness to them, :class:`Likeness`); the correction is what a transformer over all tokens adds. Sequence:
Xia et al. (2024), arXiv 2407.09157, "token-level fusion". A text, poster or group of metadata that is missing
is replaced by a learned mask token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import BertModel

from handlers.bert import pooled, token_states, unit
from handlers.config import EncoderConfig, FusionConfig, KernelConfig
from handlers.features import FeatureConfig
from handlers.query_head import QueryHead, answered
from handlers.vit import VisionTransformer

NO_YEAR = 1995.0
"""Stands in for an unknown year in the base."""
_FAR = -1e9


def poster_vector(tokens: Tensor, has_poster: Tensor) -> Tensor:
    """Unit mean of a poster's tokens [n, p, width]; zero where ``has_poster`` [n] is 0."""
    return unit(tokens.mean(1)) * has_poster[:, None]


def _cosines(rows: Tensor, anchors: Tensor) -> Tensor:
    return unit(rows) @ unit(anchors).T


class Likeness(nn.Module):
    """[n, dim] = k(film, anchors) @ ``weights`` + ``bias``; kernel: :class:`handlers.config.KernelConfig`.

    Anchors are rated films: ``text`` [m, 384] and ``poster`` [m, w] unit vectors (or zero),
    ``side`` [m, s] of genres and year, and those few columns of people that are not zero, ``people_at`` and
    ``people`` [m, p]: columns are thousands, so that names seldom run into each other.
    """

    def __init__(
        self, fusion: FusionConfig, features: FeatureConfig, text: int, poster: int, dim: int
    ) -> None:
        super().__init__()
        self.kernel: KernelConfig = fusion.kernel
        self.columns = features.columns
        self.plain = self.columns["year"][1]
        self.has_people = features.width > self.plain
        named = [span for field, span in self.columns.items() if field in ("directors", "cast")]
        self.names = (named[0][0], named[-1][1]) if named else (0, 0)
        widths = {"text": text, "side": self.plain, "people": fusion.people, "poster": poster, "weights": dim}
        for name, width in widths.items():
            self.register_buffer(name, torch.zeros(fusion.anchors, width))
        self.register_buffer("people_at", torch.zeros(fusion.anchors, fusion.people, dtype=torch.int64))
        self.register_buffer("bias", torch.zeros(dim))
        knots = torch.tensor([*features.year_knots, NO_YEAR], dtype=torch.float32)
        self.register_buffer("knots", knots, persistent=False)
        self.text: Tensor
        self.side: Tensor
        self.people: Tensor
        self.people_at: Tensor
        self.poster: Tensor
        self.weights: Tensor
        self.bias: Tensor
        self.knots: Tensor

    def set_anchors(self, text: Tensor, side: Tensor, poster: Tensor) -> None:
        """The films to compare with, as :meth:`matrix` takes them."""
        people = side[:, self.plain :]
        most = int((people != 0).sum(1).max()) if self.has_people else 0
        self.text, self.side, self.poster = text.clone(), side[:, : self.plain].clone(), poster.clone()
        self.people, self.people_at = (
            people.topk(most, dim=1) if most else (people[:, :0], people[:, :0].long())
        )

    def years(self, side: Tensor) -> Tensor:
        """[n]: the year that the columns say, :data:`NO_YEAR` where they say none."""
        first, last = self.columns["year"]
        return side[:, first:last] @ self.knots.to(side.dtype)

    def _people_alike(self, side: Tensor, first: int, last: int) -> Tensor:
        """[n, m]: cosines of the people's columns from ``first`` on."""
        values = self.people * ((self.people_at >= first - self.plain) & (self.people_at < last - self.plain))
        columns = unit(side[:, first:last])
        # columns of the anchors' values, 0 where they lie outside
        at = (self.people_at - (first - self.plain)).clamp(0, last - first - 1)
        found = columns.index_select(1, at.reshape(-1)).reshape(-1, *at.shape)
        return (found * unit(values)).sum(-1)

    def matrix(self, text: Tensor, side: Tensor, poster: Tensor) -> Tensor:
        """[n, m]: how alike films are to the anchors, from [n, 384], [n, f], [n, w]."""
        k = self.kernel
        genres = slice(*self.columns["genres"])
        close = k.genres * (_cosines(side[:, genres], self.side[:, genres]) - 1)
        close = close + k.text * (_cosines(text, self.text) - 1)
        if self.has_people:
            close = close + k.people * (self._people_alike(side, self.plain, side.shape[1]) - 1)
        apart = (self.years(side)[:, None] - self.years(self.side)[None, :]).abs()
        alike = close.exp() * (k.year_share * (-apart / k.year_scale).exp() + 1 - k.year_share)
        if k.names and self.names[1] > self.names[0]:
            alike = alike + k.names * self._people_alike(side, *self.names)
        if k.poster:
            alike = alike + k.poster * _cosines(poster, self.poster)
        return alike

    def forward(self, text: Tensor, side: Tensor, poster: Tensor) -> Tensor:
        """float32 [n, 384], [n, f], [n, w] -> [n, dim]."""
        out: Tensor = self.matrix(text, side, poster) @ self.weights + self.bias
        return out


class MaskedBlock(nn.Module):
    """One pre-norm transformer layer over tokens of which some are not there."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, width * mlp_ratio), nn.GELU(), nn.Linear(width * mlp_ratio, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, additive: Tensor) -> Tensor:
        """float32 [n, t, width] and [n, 1, 1, t], 0 or far below -> [n, t, width]."""
        _, count, width = tokens.shape
        head = width // self.heads
        qkv = self.qkv(self.norm1(tokens)).reshape(-1, count, 3, self.heads, head)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        shares = ((q * head**-0.5) @ k.transpose(-2, -1) + additive).softmax(dim=-1)
        mixed = (shares @ v).transpose(1, 2).reshape(-1, count, width)
        tokens = tokens + self.dropout(self.out(mixed))
        added: Tensor = tokens + self.dropout(self.mlp(self.norm2(tokens)))
        return added


class FusionTransformer(nn.Module):
    """One sequence: CLS, the words, the poster's patches, a token a group of metadata -> [n, dim]."""

    def __init__(
        self, fusion: FusionConfig, features: FeatureConfig, text: int, poster: int, dim: int, dropout: float
    ) -> None:
        super().__init__()
        width = fusion.width
        self.columns = features.columns
        self.text_in = nn.Sequential(nn.LayerNorm(text), nn.Linear(text, width))
        self.poster_in = nn.Sequential(nn.LayerNorm(poster), nn.Linear(poster, width))
        self.meta_in = nn.ModuleDict({name: nn.Linear(b - a, width) for name, (a, b) in self.columns.items()})
        # CLS, no text, no poster, then a mask token for each group
        self.special = nn.Parameter(torch.randn(3 + len(self.columns), width) * 0.02)
        self.segments = nn.Parameter(torch.randn(2 + len(self.columns), width) * 0.02)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            MaskedBlock(width, fusion.heads, fusion.mlp_ratio, dropout) for _ in range(fusion.depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, dim)
        # begins as the base alone
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def _group_missing(self, name: str, group: Tensor) -> Tensor:
        """[n, 1], 1 where a film has nothing: genres and year say so in their last column."""
        if name in ("genres", "year"):
            return group[:, -1:]
        return (group.sum(1, keepdim=True) == 0).to(group.dtype)

    def forward(
        self, states: Tensor, attention_mask: Tensor, side: Tensor, poster: Tensor, has_poster: Tensor
    ) -> Tensor:
        """[n, t, 384], [n, t], [n, f], [n, p, w], [n] -> [n, dim]."""
        mask = attention_mask.to(states.dtype)
        has_text = mask.amax(1, keepdim=True)
        has_poster = has_poster[:, None]
        ones = torch.ones_like(has_poster)
        cls, no_text, no_poster = (
            self.special[i].expand_as(ones[:, :, None] * self.special[i]) for i in range(3)
        )
        parts = [cls, no_text, self.text_in(states) + self.segments[0]]
        parts += [no_poster, self.poster_in(poster) + self.segments[1]]
        there = [ones, 1 - has_text, mask, 1 - has_poster, has_poster.expand(-1, poster.shape[1])]
        for i, (name, (first, last)) in enumerate(self.columns.items()):
            group = side[:, first:last]
            gone = self._group_missing(name, group)
            token = (1 - gone) * self.meta_in[name](group) + gone * self.special[3 + i] + self.segments[2 + i]
            parts.append(token[:, None, :])
            there.append(ones)
        tokens = self.dropout(torch.cat(parts, dim=1))
        additive = ((1 - torch.cat(there, dim=1)) * _FAR)[:, None, None, :]
        for block in self.blocks:
            tokens = block(tokens, additive)
        out: Tensor = self.head(self.norm(tokens[:, 0]))
        return out


class FusionNetwork(nn.Module):
    """(input_ids int64 [n, t], attention_mask int64 [n, t], side float32 [n, f], query float32 [n],
    pixels float32 [n, 3, h, w], has_poster float32 [n]) -> content vectors float32 [n, dim].

    Where ``query`` is 1 it is a searcher's vector, by the films that the base compares with.

    A row of ``attention_mask`` without a 1 says that there is no text. What was weighed at nothing is not
    computed (:meth:`settle`); where no poster is read, ``pixels`` and ``has_poster`` may be left out, and
    ``query`` where no query is answered.
    """

    def __init__(
        self, bert: BertModel, vit: VisionTransformer, config: EncoderConfig, dropout: float = 0.0
    ) -> None:
        super().__init__()
        assert config.fusion is not None
        self.bert, self.vit = bert, vit
        sizes = (config.fusion, config.features, config.text_model.width, vit.config.width, config.dim)
        self.base = Likeness(*sizes)
        self.fusion = FusionTransformer(*sizes, dropout)
        query = config.query
        self.query_head = None if query is None else QueryHead(query.films, config.dim, query.sharpness)
        self.register_buffer("scale", torch.ones(1))
        self.scale: Tensor
        """Of all content vectors against the vectors of ratings."""
        self.corrects = True

    def settle(self) -> None:
        """Looks whether the weights at hand, which change no more, let the transformer say anything."""
        head = self.fusion.head
        self.corrects = bool(head.weight.any() or head.bias.any())

    @property
    def reads_posters(self) -> bool:
        """Whether anything of a poster comes into the vector."""
        return self.corrects or self.base.kernel.poster != 0

    def content(
        self, states: Tensor, attention_mask: Tensor, side: Tensor, poster: Tensor, has_poster: Tensor
    ) -> Tensor:
        """[n, dim] from what BERT and ViT said, which training keeps."""
        said: Tensor = self.base(pooled(states, attention_mask), side, poster_vector(poster, has_poster))
        if self.corrects:
            said = said + self.fusion(states, attention_mask, side, poster, has_poster)
        return self.scale * said

    def answer(
        self,
        states: Tensor,
        attention_mask: Tensor,
        side: Tensor,
        poster: Tensor,
        has_poster: Tensor,
        query: Tensor | None = None,
    ) -> Tensor:
        """[n, dim], as :meth:`content`, but a searcher's vector where ``query`` [n] is 1."""
        said = self.content(states, attention_mask, side, poster, has_poster)
        if query is None or self.query_head is None:
            return said
        alike = _cosines(pooled(states, attention_mask), self.base.text)
        if self.reads_posters:
            alike = alike + _cosines(poster_vector(poster, has_poster), self.base.poster)
        return answered(said, self.query_head(alike), query)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        side: Tensor,
        query: Tensor | None = None,
        pixels: Tensor | None = None,
        has_poster: Tensor | None = None,
    ) -> Tensor:
        """float32 [n, dim]: the content vector, or a searcher's."""
        states = token_states(self.bert, input_ids, attention_mask)
        return self.of_states(states, attention_mask, side, query, pixels, has_poster)

    def of_states(
        self,
        states: Tensor,
        attention_mask: Tensor,
        side: Tensor,
        query: Tensor | None = None,
        pixels: Tensor | None = None,
        has_poster: Tensor | None = None,
    ) -> Tensor:
        """float32 [n, dim] from what BERT said, [n, t, width]."""
        if not self.reads_posters or pixels is None or has_poster is None:
            nothing = states.new_zeros(states.shape[0], 1, self.vit.config.width)
            return self.answer(states, attention_mask, side, nothing, nothing[:, 0, 0], query)
        return self.answer(states, attention_mask, side, self.vit(pixels), has_poster, query)
