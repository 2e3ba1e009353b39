// Names of the device model's variables, and how a value of one is chosen.

import type { VariableRef, VariableView } from "./types";

type Named = Pick<VariableView, "component" | "component_instance" | "variable" | "variable_instance" | "evse_id"> & { connector_id?: number | null };

/** "Connector (left) · EVSE 1.2" */
export function componentOf(v: Named): string {
  const place = v.evse_id === null ? "" : ` · EVSE ${v.evse_id}${v.connector_id ? `.${v.connector_id}` : ""}`;
  return `${v.component}${v.component_instance ? ` (${v.component_instance})` : ""}${place}`;
}
export const variableOf = (v: Pick<Named, "variable" | "variable_instance">): string => `${v.variable}${v.variable_instance ? ` (${v.variable_instance})` : ""}`;

export const refOf = (v: VariableView): VariableRef => ({
  component: v.component,
  variable: v.variable,
  component_instance: v.component_instance,
  variable_instance: v.variable_instance,
  evse_id: v.evse_id,
  connector_id: v.connector_id,
  attribute: v.attribute as VariableRef["attribute"],
});

export const keyOf = (v: Named & { attribute?: string }): string => [v.component, v.component_instance, v.evse_id, v.connector_id, v.variable, v.variable_instance, v.attribute].join("|");

/** The values to choose one from; null where it is written freely. Several at once (lists) are written. */
export function choicesOf(v: VariableView): string[] | null {
  if (v.data_type === "boolean") return ["true", "false"];
  if (v.data_type === "OptionList" && v.values_list) return v.values_list.split(",").map((one) => one.trim());
  return null;
}

/** What a value has to be, in short: `integer, 0 … 3600 s`. */
export function kindOf(v: VariableView): string {
  const limits = v.min_limit === null && v.max_limit === null ? "" : `${v.min_limit ?? ""} … ${v.max_limit ?? ""}`;
  const list = v.values_list && v.data_type !== "OptionList" ? v.values_list.split(",").join(", ") : "";
  return [v.data_type, limits, v.unit, list].filter(Boolean).join(", ");
}
