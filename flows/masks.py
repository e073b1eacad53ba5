"""Masks: does this person wear a mask? Learned from pictures, tested on people never seen, asked before a camera."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tasks.cases.masks.detection.look import look
from tasks.cases.masks.engine import Engine
from tasks.cases.masks.evaluation.controls import run_controls
from tasks.cases.masks.evaluation.scores import measure, score_cases
from tasks.cases.masks.evaluation.speed import measure_speed
from tasks.cases.masks.features.crops import Way, choose_way, cut_faces
from tasks.cases.masks.features.embed import Pretrained, find_pretrained
from tasks.cases.masks.features.groups import group_faces
from tasks.cases.masks.features.split import split_faces
from tasks.cases.masks.ingestion import Place, locate_faces, read_faces
from tasks.cases.masks.report.compose import describe_masks
from tasks.cases.masks.report.tables import list_faces, wrong_faces
from tasks.cases.masks.training.recipes import Choice
from tasks.evaluation.contest import contest
from tasks.platform.case import case, main
from tasks.platform.parameters import Quarantined, Seed
from tasks.platform.store import Stored
from tasks.publishing.publish import publish
from tasks.validation.pictures import REMEDY, count_labels, picture_contract
from tasks.validation.tables import check


@case
def masks(
    source: str = "sample",
    test: str = "",
    worn: str = "with_mask,mask,masked",
    absent: str = "without_mask,no_mask,unmasked",
    wrong: str = "mask_below_nose,mask_weared_incorrect,incorrect_mask",
    look_at: str = "",
    seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0,
    window: bool = False,
    faces: Literal["auto", "detect", "whole"] = "auto",
    model: Literal["auto", "transfer", "own"] = "auto",
    test_share: Annotated[float, Field(ge=0.1, le=0.5)] = 0.2,
    miss_cost: Annotated[float, Field(gt=0, le=1e9)] = 1.0,
    alarm_cost: Annotated[float, Field(gt=0, le=1e9)] = 1.0,
    seed: Seed = 42,
    max_quarantined: Quarantined = 0.5,
) -> Path:
    """Does this person wear a mask?

    The answer serves whoever watches an entrance: whom to let pass, whom to remind. It is good when at least 98 % of
    the pictures of people never seen are judged rightly, at least 95 % of those of another source, and size and bytes
    of the files alone tell at most 60 % once all faces are in one crop and encoding.

    Args:
        source: sample, or a folder, zip, tar or https address of pictures; the folders they lie in are the classes
        test: another source, scored whole; its copies of learning pictures are dropped. The sample has one
        worn: names of the folders with a mask, separated by commas
        absent: names of the folders without one
        wrong: names of the folders with one worn wrongly, such as below the nose
        look_at: a picture, a folder of them, a film, or camera (camera:1 for the second): who wears a mask there
        seconds: that a camera is looked through
        window: show frames live where there is a screen and OpenCV has windows
        faces: detect (cut out by YuNet), whole (pictures as they are), or auto: detect where the detector is to be had
        model: transfer (features of MobileNetV2), own (a small network), or auto: the better on left out sources
        test_share: share of the pictures to test on
        miss_cost: of letting somebody pass who wears none
        alarm_cost: of stopping somebody who wears one
        seed: of split, views and models
    """
    # Data understanding
    place = locate_faces(source).load(Place)
    data = read_faces(place, worn, absent, wrong)
    check(data._replace(frame=count_labels(data.frame)), picture_contract(max_quarantined), REMEDY)

    # Data preparation: one crop, size and encoding for all; copies and people stay together
    way = choose_way(faces).load(Way)
    crops = cut_faces(data.frame, way.detect, place.collection)
    groups = group_faces(data.frame, crops.looks, crops.wholes, crops.table)
    split = split_faces(data.frame, groups.groups, groups.sources, test_share, seed)
    classes = split.classes.load(list[str])

    # Modelling: what holds where a source was left out is taken
    pretrained = find_pretrained(model).load(Pretrained)
    engine = Engine(data.frame, crops, groups, split, pretrained, way, classes, (miss_cost, alarm_cost), seed)
    chosen = engine.choose(compare_own=model != "transfer")
    ours = engine.fit_and_calibrate(chosen.choice.load(Choice))

    # Evaluation: people never seen, another source, what could be had without looking, and the champion
    judged, facts = engine.judge(ours), {"groups": groups.facts, "split": split.facts}
    other: Stored | None = None
    if test := test or ("sample" if source == "sample" else ""):
        other, facts["other"] = engine.judge_elsewhere(ours, test, worn, absent, wrong)
    controls = run_controls(
        data.frame, crops.faces, engine.plain(), split.y, split.train, split.test, split.naive, len(classes), seed
    )
    held = contest(
        f"masks-{data.name}",
        {"recipe": ours.choice.recipe.name, "seed": seed},
        score_cases(judged.right, engine.groups_test, controls.colours, engine.y_test),
        on=f"{data.frame.digest}-{split.test.digest}",
        metric="accuracy",
        rescore=engine.rescore,
    )
    found = measure(
        judged, other, controls, chosen.right, engine.groups_train, split, held.rival, miss_cost, alarm_cost
    )

    # Deployment
    film = (crops.wholes, split.test, crops.table, ours.model.lite8, ours.known)
    speed = measure_speed(*film) if way.detect else None
    seen = look(look_at, ours.model.lite8, ours.known, seconds, window) if look_at else None
    tiles = wrong_faces(judged.table, crops.faces, split.test)
    findings = describe_masks(
        found, chosen, ours.known, facts, groups.evidence, judged, tiles, way, crops.table, data.frame, speed, seen
    )
    tables = {"faces": list_faces(judged.table, other.table if other else None)}
    if seen:
        tables["looked_at"] = seen.table
    forms = {"model": ours.model.model, "model_float": ours.model.lite, "model_8bit": ours.model.lite8}
    return publish(findings, held, model=forms | {"recognition": ours.known}, tables=tables)


if __name__ == "__main__":
    main(masks)
