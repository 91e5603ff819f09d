import assert from "node:assert/strict";
import { test } from "node:test";

import { notes } from "./release-notes.mjs";

const changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-01\n\n### Added\n\n- One.\n\n## [0.1.0]\n\n- Two.\n\n[0.1.0]: https://x.org\n";

test("the notes are the section of the version", () => {
  assert.equal(notes(changelog, "0.2.0"), "### Added\n\n- One.");
  assert.equal(notes(changelog, "0.1.0"), "- Two.");
});

test("a version without a section, or with an empty one, has no notes", () => {
  assert.throws(() => notes(changelog, "0.3.0"), /no section \[0\.3\.0\], only: \[Unreleased\], \[0\.2\.0\]/);
  assert.throws(() => notes(changelog, "Unreleased"), /nothing in the section/);
});
