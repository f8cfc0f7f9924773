let isPart = false;

/**
 * Makes the parts of a whole. Its arguments, or settings, are checked, and what it would make over is looked for: the parts take what they
 * get, as their own checks would only say the same again, and a review has placeholders in the place of secrets.
 */
export function asParts<Made>(make: () => Made): Made {
  const before = isPart;
  isPart = true;
  try {
    return make();
  } finally {
    isPart = before;
  }
}

/** Whether what is being made is a part of a whole. */
export function isPartOfWhole(): boolean {
  return isPart;
}
