"""The model card of an item encoder: what it is, what it learnt from, figures, limits, licences. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from model_store.manifest import Manifest

_HOW = {
    "linear": """{text_model} (mean of its tokens, unit length) and genres, year and people are mapped by
a closed-form ridge regression to collaborative vectors V sqrt(w / (w + lambda)) of the rating matrix.""",
    "fusion": """A base compares the film with rated ones (likeness of text, poster, genres, people and years,
kernel regression in closed form); a transformer over one sequence of BERT tokens ({text_model}, frozen),
poster patches (a ViT, frozen) and a token for each group of metadata adds what the base misses. Mask tokens
stand in for what is missing. Both aim at collaborative vectors V sqrt(w / (w + lambda)) of the rating
matrix; `correction_gain` is how much of the transformer's word held-out films let through.""",
}
_TABLE = """Of a film that it was trained on it answers (1 - a) content + a t, as long as title and year
match. t is in its item table, a = n / (n + 1) of n ratings, and t is such that the film gets (1 - b) content,
turned by the tastes of those who liked it (`taste_strength`), + b collaborative, with
b = n^4 / (n^4 + `half_count`^4). Another text or poster moves it by 1 - a. The length of a vector means how
broadly a film appeals: compare by inner product, never by cosine."""
_QUERIES = """
A query (text, poster or both, no film) is answered by the mean of known films' vectors, weighted by how much
their texts and posters are like it, where `config.json` says `query`."""
_JUDGED = """ Judged by ends of texts, which are not read, of films with
10 ratings and more, most of them among the known ones: `search_ndcg@10`, asked as films
`search_ndcg@10_as_films`."""
_POSTER = {"linear": "", "fusion": ", poster"}
_LIMITS = {
    "linear": "Posters are ignored; films without ratings are known by their text alone.",
    "fusion": "How little posters say beside text and metadata: compare `no_poster` with the whole.",
}


def model_card(manifest: Manifest) -> str:
    """Markdown: what it is, what it learnt from, figures, limits, licences."""
    architecture = str(manifest.parameters.get("architecture", "linear"))
    text_model = manifest.parameters.get("text_model", "all-MiniLM-L6-v2")
    data = manifest.data
    cut_off = datetime.fromtimestamp(data.cut_off_ms / 1000, tz=UTC).date()
    rows = {**manifest.parameters, **manifest.metrics}
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    queries = _QUERIES + (_JUDGED if "search_ndcg@10" in manifest.metrics else "")
    licences = "\n".join(f"- {what}: {terms}" for what, terms in manifest.licences.items())
    return f"""# {manifest.reference}

An item encoder: reads a film (title, year, genres, people, text{_POSTER[architecture]}) and gives a
{manifest.dim}-d vector in a space where the inner product with the mean of a user's liked films ranks what
the user will like next.

**How.** {_HOW[architecture].format(text_model=text_model)}

{_TABLE}
{queries}

**Data.** {data.name}: {data.ratings} ratings of {data.items} films by {data.users} users, none newer than
{cut_off}. Fingerprint {data.fingerprint}.

**Figures.** Chosen and measured on a validation part of the training data; `cold` ranks films without any
rating, `few` those of which 1, 3 or 10 ratings are left.

| | |
|---|---|
{table}

**Limits.** {_LIMITS[architecture]}
Who rates on MovieLens is not everyone. Texts of the shipped data exist mostly for films before 2001, which
the model may take for popularity. English text is read best.

**Licences.**
{licences}
"""
