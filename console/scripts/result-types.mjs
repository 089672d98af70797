/**
 * Writes src/night/result.gen.ts, the types of a result, from docs/result.schema.json.
 *
 * Made before each build, check and test, and not committed: the Python model is the one source.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const schema = new URL("../../docs/result.schema.json", import.meta.url);
const target = new URL("../src/night/result.gen.ts", import.meta.url);

// openapi-typescript reads schemas where an OpenAPI document has them.
const text = readFileSync(schema, "utf8").replaceAll("#/$defs/", "#/components/schemas/");
const { $defs: schemas } = JSON.parse(text);
const document = {
  openapi: "3.1.0",
  info: { title: "result", version: "1" },
  paths: {},
  components: { schemas },
};
const types = await openapiTS(document, {
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
  defaultNonNullable: false, // a field with a default may be absent
});
const written = `// Written by scripts/result-types.mjs from docs/result.schema.json.\n\n${astToString(types)}`;

// Unchanged types keep their time, by which make tells whether to build again.
if (!existsSync(target) || readFileSync(target, "utf8") !== written) {
  writeFileSync(target, written);
}
