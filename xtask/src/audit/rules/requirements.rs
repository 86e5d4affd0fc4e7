//! Documentation of the rules of `requirements/`: a group's requirements file against what its agents import.

use crate::audit::rule::rules;

rules! {
    /// Finds packages that an agent of a group imports and that no line of the group's requirements file brings.
    ///
    /// The group's image does not have them; the import raises `ModuleNotFoundError`, unless something else happens to bring
    /// the package.
    ///
    /// Where every import of the package stands behind a condition that the audit cannot decide (`if BACKEND == "fast": import fastlib`),
    /// no agent is at risk for it: one note names the package and the line of the condition. Where each way of a branch imports it, or
    /// another import stands outside, it is needed.
    ///
    /// Example: `import cv2` in a group whose requirements have no `opencv-python`.
    ///
    /// Add the distribution that has the module to the group's requirements file.
    MISSING = "requirements/missing", Warning, High, "an import that no requirement of the group provides", class Package;

    /// Finds lines of a requirements file that are not valid requirements: a line of a Dockerfile, say.
    ///
    /// pip stops at the line, and the image cannot be built.
    ///
    /// Example: `RUN pip install torch`.
    ///
    /// Remove the line.
    INVALID = "requirements/invalid-line", Error, High, "a line of a requirements file that is not a valid requirement";

    /// Finds requirements that nothing imports which the group's agents run.
    ///
    /// The image is larger and takes longer to build than it needs to.
    ///
    /// Example: `torch` in a group whose agents import it nowhere.
    ///
    /// Remove the line, or name its module under `required_modules:` where it is needed without an import.
    UNUSED = "requirements/unused", Note, Medium, "a requirement that nothing imports";
}
