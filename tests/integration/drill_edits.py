"""Everything that people do to a tracker in the course of a random life."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.jira_shapes import STAGES
from sandbox.records import Board, Item, Milestone, Project, Section, Tracker, Value
from sandbox.world import World
from tests.integration.drill_oracle import FIELDS, KINDS, Names

Edit = tuple[str, Callable[[], object]]
"""What it is called, and how it is done."""

_MOST_LINKS = 2
"""Links from one item, so that no item names more others than a connector tells."""


@dataclass
class People:
    """Whoever edits; all that they do goes to the names, too."""

    tracker: Tracker
    world: World
    dice: random.Random
    names: Names
    board: Board | None = None
    renaming: bool = True
    """Projects get other keys and names, after which they are read anew."""
    back: set[str] = field(default_factory=set)
    """Ids of items that were archived for a while, which dates nothing: what was done to them shortly before may have
    come in no listing and is told by a complete read alone."""
    labels: list[str] = field(default_factory=lambda: ["p1", "p2", "web"])

    def edit(self) -> str:
        """Do one thing.  Returns what."""
        world = self.world
        item = self.dice.choice([item for item in world.items.values() if item.project.tracker == self.tracker])
        name, act = self.dice.choice(self._edits(item))
        told = f"{name} {item.key} at {world.clock.now():%d %H:%M}"
        act()
        self.names.note(world.items.values())
        return told

    def create(self, project: Project) -> Item:
        world, dice = self.world, self.dice
        mine = world.items_of(project)
        number = project.last_number + 1
        if self.tracker == "jira":
            epics = [one for one in mine if one.type == "Epic"]
            type_ = dice.choice(("Bug", "Story", "Task", "Epic", "Sub-task"))
            stories = [one for one in mine if one.type in ("Bug", "Story", "Task")]
            parent = None
            if type_ == "Sub-task":
                parent = dice.choice(stories) if stories else None
                type_ = type_ if parent else "Task"
            elif type_ != "Epic" and epics and dice.random() < 0.5:
                parent = dice.choice(epics)
            return world.create(project, f"New {number}", type_, parent=parent, milestone=self._some_milestone(project))
        if self.tracker == "github":
            parent = dice.choice([one for one in mine if not one.pull] or [None]) if dice.random() < 0.2 else None
            pull = parent is None and dice.random() < 0.4
            made = world.create(
                project, f"New {number}", pull=pull, draft=pull and dice.random() < 0.3, parent=parent,
                milestone=self._some_milestone(project),
            )  # fmt: skip
            made.branch = f"PAY-{number}" if pull and dice.random() < 0.7 else ""
            return made
        parent = dice.choice(mine) if mine and dice.random() < 0.4 else None
        type_ = dice.choice(("default_task", "default_task", "milestone", "approval"))
        return world.create(project, f"New {number}", type_, parent=parent)

    def _some_milestone(self, project: Project) -> Milestone | None:
        mine = [one for one in self.world.milestones if one.project is project]
        return self.dice.choice(mine) if mine and self.dice.random() < 0.3 else None

    def _edits(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        number = dice.randrange(10_000)
        title = f"Title {number}" + (f" #{number % 30 + 1}" if item.pull and number % 3 == 0 else "")
        edits: list[Edit] = [
            ("create beside", lambda: self.create(item.project)),
            ("create beside", lambda: self.create(item.project)),
            ("close", lambda: world.close(item)),
            ("reopen", lambda: world.reopen(item)),
            ("start", lambda: world.start(item)),
            ("retitle", lambda: world.retitle(item, title)),
            ("relabel", lambda: world.relabel(item, dice.sample(self.labels, dice.randrange(3)))),
            ("estimate", lambda: world.estimate(item, float(number % 9) if number % 4 else None)),
            ("assign", lambda: world.assign(item, dice.choice([*world.users, None]))),
        ]
        if self.tracker != "github":
            edits.append(("fill in a field of", lambda: self._fill(item)))
        if self._spare(item):
            edits.append(("delete", lambda: world.delete(item)))
            edits.append(("cancel", lambda: world.cancel(item)))
        if self.renaming and dice.random() < 0.1:
            edits += [("call otherwise the project of", lambda: self._call_otherwise(item.project))]
        if self.tracker != "jira" and dice.random() < 0.1:  # Jira's labels have no name but themselves
            edits += [("rename a label of all beside", self._rename_label)] * 2
        return edits + {"jira": self._jira, "github": self._github, "asana": self._asana}[self.tracker](item)

    def _spare(self, item: Item) -> bool:
        """A container that lost everything is not believed; the first item of each stays."""
        return item.number != 1

    def _call_otherwise(self, project: Project) -> None:
        old, new = project.name, f"Name {len(self.names.words)}"
        self.world.rename(project, new)
        self.names.words[old] = new

    def _fill(self, item: Item) -> None:
        name = self.dice.choice(list(KINDS[self.tracker]))
        self.world.fill(item, name, self._value(KINDS[self.tracker][name]))

    def _value(self, kind: str) -> Value | None:
        """What a field of that kind may hold, or nothing."""
        dice, users = self.dice, self.world.users
        words = ("Web", "Mobile", "Back end")
        match kind:
            case "multiselect" | "multi_enum":
                value: Value = tuple(dice.sample(words, 2))
            case "cascadingselect":
                value = dice.choice((("Europe",), ("Europe", "Berlin"), ("Asia", "Osaka")))
            case "multiuserpicker" | "people":
                value = tuple(dice.sample(users, dice.choice((1, 2))))
            case "datepicker" | "date" | "DATE":
                value = f"2026-11-{dice.randrange(1, 31):02d}"
            case _:
                value = dice.choice(words)
        return value if dice.random() < 0.8 else None

    def _above(self, item: Item, others: list[Item]) -> list[Edit]:
        """Put it below another one, which must not be below it already."""
        free = [one for one in others if not self._below(one, item)]
        return [("below another", lambda: self.world.move(item, parent=self.dice.choice(free)))] if free else []

    def _below(self, item: Item, top: Item) -> bool:
        above: Item | None = item
        while above is not None and above is not top:
            above = above.parent
        return above is top

    def _unarchive(self, item: Item) -> None:
        if item.archived:
            self.back.add(str(item.id))
        self.world.unarchive(item)

    def _rename_label(self) -> None:
        place = self.dice.randrange(len(self.labels))
        old, new = self.labels[place], f"label{len(self.names.words)}"
        self.world.rename_label(self.tracker, old, new)
        self.names.words[old] = self.labels[place] = new

    def _rename_section(self, section: Section) -> None:
        old, new = section.name, f"Section {len(self.names.words)}"
        for project in self.world.projects:  # those of one name are one column to the names
            if any(one.name == old for one in project.sections):
                self.world.rename_section(project, old, new)
        self.names.words[old] = new

    def _milestones(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        mine = [one for one in world.milestones if one.project is item.project]
        title = f"Goal {item.project.last_milestone + 1}"
        edits: list[Edit] = [("add milestone beside", lambda: world.add_milestone(item.project, title))]
        if mine:
            one = dice.choice(mine)
            edits += [
                ("rename milestone beside", lambda: world.rename_milestone(one, f"{one.title}'")),
                ("release milestone beside", lambda: world.release(one)),
                ("plan", lambda: world.move(item, milestone=one)),
            ]
            if dice.random() < 0.3:
                edits.append(("delete milestone beside", lambda: world.delete_milestone(one)))
        return edits

    def others(self, item: Item) -> list[Project]:
        every = [one for one in self.world.projects if one.tracker == self.tracker]
        return [one for one in every if one is not item.project]

    def _linkable(self, item: Item) -> list[Item]:
        """Those that an item may be linked to: not itself, and none that has many links already."""
        linked = [one for other in self.world.items.values() for one in other.links]
        if len(item.links) >= _MOST_LINKS:
            return []
        every = [one for one in self.world.items.values() if one.project.tracker == self.tracker and not one.pull]
        return [one for one in every if one is not item and one not in item.links and linked.count(one) < _MOST_LINKS]

    def _link(self, item: Item) -> list[Edit]:
        others = self._linkable(item)
        return [("link", lambda: self.world.link(item, self.dice.choice(others)))] if others else []

    def _jira(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        edits = self._milestones(item) + self._sprints(item) + self._link(item)
        stages = ["", *(name for name, (_, state) in STAGES.items() if state == item.state)]
        edits.append(("into another status", lambda: world.set_stage(item, dice.choice(stages))))
        components = ("Checkout", "Search", "p1")
        edits.append(("components of", lambda: world.set_components(item, dice.sample(components, dice.randrange(3)))))
        edits += self._above(item, self._fit(item))
        edits.append(("unarchive", lambda: self._unarchive(item)))
        edits.append(("detach", lambda: world.detach(item) if item.type != "Sub-task" else None))
        if self._spare(item):
            edits.append(("archive", lambda: world.archive(item)))
        if self._spare(item) and item.type != "Sub-task":
            edits += [("move", lambda: world.move_project(item, dice.choice(self.others(item))))] * 2
        if self.renaming and dice.random() < 0.05:
            project = item.project
            edits.append(("rename project of", lambda: world.rename_project(project, f"K{dice.randrange(10**6)}")))
        return edits

    def _fit(self, item: Item) -> list[Item]:
        """What an issue of Jira may be below: a story of its project, or an epic of any."""
        every = [one for one in self.world.items.values() if one.project.tracker == "jira"]
        if item.type == "Sub-task":
            return [one for one in every if one.type in ("Bug", "Story", "Task") and one.project is item.project]
        return [one for one in every if one.type == "Epic" and item.type != "Epic"]

    def _sprints(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        mine = [one for one in world.sprints if one.project is item.project]
        title = f"Sprint {len(world.sprints) + 1}"
        edits: list[Edit] = [("add sprint beside", lambda: world.add_sprint(item.project, title))]
        if mine:
            sprint = dice.choice(mine)
            turn = {"future": world.begin_sprint, "active": world.end_sprint, "closed": world.delete_sprint}
            edits.append(("into a sprint", lambda: world.plan(item, sprint)))
            if sprint.state != "closed" or dice.random() < 0.3:
                edits.append((f"{sprint.state} sprint goes on beside", lambda: turn[sprint.state](sprint)))
            edits.append(("rename sprint beside", lambda: world.rename_sprint(sprint, f"{sprint.title}'")))
        return edits

    def _github(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        edits = self._milestones(item)
        edits.append(("detach", lambda: world.detach(item)))
        if item.pull:
            edits += self._link(item)
        else:
            edits += self._above(item, [one for one in world.items.values() if not one.pull])
        if self._spare(item) and not item.pull:
            edits += [("transfer", lambda: world.transfer(item, dice.choice(self.others(item))))] * 2
        if self.board is not None:
            edits += self._on_board(item, self.board)
        if self.renaming and dice.random() < 0.05:
            edits.append(
                ("rename project of", lambda: world.rename_project(item.project, f"acme/r{dice.randrange(10**6)}"))
            )
        return edits

    def furnish(self, item: Item) -> None:
        """Give a new item some of what items have."""
        world, dice = self.world, self.dice
        world.relabel(item, dice.sample(self.labels, dice.randrange(3)))
        world.assign(item, dice.choice([*world.users, None]))
        for _ in range(0 if self.tracker == "github" else 2):
            self._fill(item)
        if self.board is not None and dice.random() < 0.7:
            self.put_on(self.board, item)

    def put_on(self, board: Board, item: Item) -> None:
        """Put it onto a board with a value in some of its fields."""
        self.world.set_value(board, item, FIELDS["github"], self.dice.randrange(9) / 2)
        for name, kind in KINDS["github"].items():
            value = self._value(kind)
            if isinstance(value, str) and self.dice.random() < 0.5:
                self.world.set_value(board, item, name, value)

    def _on_board(self, item: Item, board: Board) -> list[Edit]:
        world, points = self.world, FIELDS["github"]
        value = self.dice.randrange(9) / 2
        name = self.dice.choice(list(KINDS["github"]))
        other = self._value(KINDS["github"][name])
        assert other is None or isinstance(other, str)
        return [
            ("value on the board", lambda: world.set_value(board, item, points, value)),
            (f"{name} on the board", lambda: world.set_value(board, item, name, other)),
            ("no value on the board", lambda: world.set_value(board, item, points, None)),
            ("off the board", lambda: world.take_off(board, item)),
            ("archived on the board", lambda: world.put_away(board, item)),
            ("restored on the board", lambda: world.bring_back(board, item)),
        ]

    def _asana(self, item: Item) -> list[Edit]:
        world, dice = self.world, self.dice
        edits: list[Edit] = []
        section = dice.choice(item.project.sections)
        if dice.random() < 0.1:
            edits += [("rename a section beside", lambda: self._rename_section(section))]
        homes = world.homes(item)
        if len(homes) > 1 and self._spare(item):
            edits += [("drop a home", lambda: world.drop_home(item, dice.choice(homes)[0]))]
        if item.parent is None:
            edits.append(("to section", lambda: world.move(item, section=section)))
            edits.append(("multi-home", lambda: world.add_home(item, dice.choice(self.others(item)))))
            if self._spare(item):
                edits += [("move", lambda: world.move_project(item, dice.choice(self.others(item))))] * 2
            others = [one for one in world.items_of(item.project) if one is not item]
            if item.type == "milestone" and others:
                edits += [("block", lambda: world.block(item, [dice.choice(others)]))] * 2
        if item.parent is not None:
            edits.append(("detach", lambda: world.detach(item)))
        if self._spare(item):
            edits += self._above(item, world.items_of(item.project))
        if world.trash:
            one = dice.choice(list(world.trash.values()))
            if one.parent is None or one.parent.id in world.items:
                edits += [("restore one beside", lambda: world.restore(one))] * 2
        return edits
