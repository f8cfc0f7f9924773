/* Label selectors, as the API server and Istio decide them (metav1.LabelSelector). */

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/**
 * Whether labels satisfy a selector; an empty one selects everything. Where not every label is known (`complete: false`), a
 * label that is not among them leaves it open: undefined.
 */
export function satisfies(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
  complete = true,
): boolean | undefined {
  const answers = [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => has(labels, key, complete, [value])),
    ...(selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
      switch (operator) {
        case "In":
          return has(labels, key, complete, values);
        case "NotIn":
          return not(has(labels, key, complete, values));
        case "Exists":
          return has(labels, key, complete);
        case "DoesNotExist":
          return not(has(labels, key, complete));
        default:
          return false;
      }
    }),
  ];
  return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
}

function has(labels: Readonly<Record<string, string>>, key: string, complete: boolean, values?: string[]) {
  const value = labels[key];
  if (value === undefined) return complete ? false : undefined;
  return values === undefined || values.includes(value);
}

function not(answer: boolean | undefined): boolean | undefined {
  return answer === undefined ? undefined : !answer;
}
