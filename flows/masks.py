"""Masks: does this person wear a mask? Learned from pictures, tested on people never seen, asked before a camera."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tasks.cases.masks.detection.look import look
from tasks.cases.masks.evaluation.controls import run_controls
from tasks.cases.masks.evaluation.scores import judge, measure, rescored, score_cases
from tasks.cases.masks.features.crops import Way, choose_way, cut_faces
from tasks.cases.masks.features.embed import Pretrained, find_pretrained
from tasks.cases.masks.features.groups import group_faces
from tasks.cases.masks.features.split import drop_known, select, split_faces
from tasks.cases.masks.ingestion import Place, locate_faces, read_faces
from tasks.cases.masks.report.compose import describe_masks
from tasks.cases.masks.report.tables import list_faces, wrong_faces
from tasks.cases.masks.training.engine import Engine
from tasks.cases.masks.training.recipes import Choice, recipe_named
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
    test = test or ("sample" if source == "sample" else "")
    place = locate_faces(source).load(Place)
    data = read_faces(place, worn, absent, wrong)
    check(data._replace(frame=count_labels(data.frame)), picture_contract(max_quarantined), REMEDY)

    # Data preparation: one crop, size and encoding for all; copies and people stay together
    way = choose_way(faces).load(Way)
    crops = cut_faces(data.frame, way.detect, place.collection)
    groups = group_faces(data.frame, crops.faces, crops.wholes, crops.table)
    split = split_faces(data.frame, groups.groups, groups.sources, test_share, seed)
    classes = split.classes.load(list[str])

    # Modelling: what holds where a source was left out is taken
    pretrained = find_pretrained(model).load(Pretrained)
    engine = Engine(crops, groups, split, pretrained, way, classes, (miss_cost, alarm_cost), seed)
    chosen = engine.choose(compare_own=model != "transfer")
    choice = chosen.choice.load(Choice)
    fitted = engine.fit(choice.recipe)
    known = engine.calibrate(fitted, choice)

    # Evaluation: people never seen, another source, what could be had without looking, and the champion
    def judged_on(which: Stored, manifest: Stored, y: Stored, rows: Stored, of: Stored) -> Stored:
        inputs = engine.inputs(choice.recipe, which)
        return judge(inputs, fitted.lite, fitted.lite8, known, y, rows, manifest, of, which.table)

    y_test, groups_test = select(split.y, split.test), select(groups.groups, split.test)
    judged = judged_on(crops, data.frame, y_test, split.test, groups_test)
    other, facts = None, {"groups": groups.facts, "split": split.facts}
    if test:
        elsewhere = locate_faces(test, test=True).load(Place)
        theirs = read_faces(elsewhere, worn, absent, wrong, learn=False)
        cut = cut_faces(theirs.frame, way.detect, elsewhere.collection)
        joined = group_faces(theirs.frame, cut.faces, cut.wholes, cut.table)
        kept = drop_known(theirs.frame, joined.groups, cut.faces, cut.wholes, cut.table, data.frame, crops.faces,
                          crops.wholes, crops.table, classes, groups.facts)  # fmt: skip
        other = judged_on(cut, theirs.frame, kept.y, kept.rows, kept.groups)
        facts["other"] = kept.facts
    controls = run_controls(data.frame, crops.faces, engine.plain(), split.y, split.train, split.test, split.naive,
                            len(classes), seed)  # fmt: skip

    def rescore(config: dict[str, Any]) -> Stored:
        again = engine.fit(recipe := recipe_named(str(config["recipe"])))
        inputs = engine.inputs(recipe, crops)
        return rescored(inputs, again.lite, recipe, split.test, y_test)

    held = contest(
        f"masks-{data.name}",
        {"recipe": choice.recipe.name, "seed": seed},
        score_cases(judged.right, groups_test, controls.colours, y_test),
        on=f"{data.frame.digest}-{split.test.digest}",
        metric="accuracy",
        rescore=rescore,
    )
    found = measure(judged.table, other.table if other else None, controls.files, controls.crops, controls.colours,
                    controls.naive, chosen.right, select(groups.groups, split.train), classes, held.rival,
                    bool(split.facts.load()["by_source"]), miss_cost, alarm_cost)  # fmt: skip
    seen = look(look_at, fitted.lite8, known, seconds, window) if look_at else None

    # Deployment
    findings = describe_masks(
        found.metrics, found.classes, found.reliability, chosen.table, choice, known, facts, groups.evidence,
        judged.table, wrong_faces(judged.table, crops.faces, split.test), way.why, crops.table, data.frame,
        *((seen.facts, seen.table, seen.tiles) if seen else (None, None, None)),
    )  # fmt: skip
    tables = {"faces": list_faces(judged.table, other.table if other else None)}
    model_files = {"model": fitted.model, "model_float": fitted.lite, "model_8bit": fitted.lite8, "recognition": known}
    return publish(findings, held, model=model_files, tables=tables | ({"looked_at": seen.table} if seen else {}))


if __name__ == "__main__":
    main(masks)
