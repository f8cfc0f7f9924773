/** The settings of a stack: their shape, how they are loaded, and what is wrong with them. */
export { type Problem, SettingsError } from "./error";
export { atFolder, loadSettings, settingsOf } from "./load";
export { type Settings, type SettingsInput, type StackConfiguration, settingsSchema } from "./schema";
export { secret } from "./marks";
export { settingsWarnings } from "./warnings";
