/** The console's API for programs (OpenAPI 3.1), made of the same table of routes that answers. */
import { API_PATH, CHANGE_HEADER, CHANGE_VALUE } from "./api.ts";
import { ANSWERS, SCHEMAS } from "./answers.ts";
import type { Route } from "./route.ts";
import { schemaOf, type Shape } from "./shape.ts";

export function openApi(routes: readonly Route[], version: string, basePath: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/${route.path}`.replace(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Runnel console", version },
    servers: [{ url: `${basePath}${API_PATH}` }],
    paths,
    components: { schemas: SCHEMAS },
  };
}

function operationOf(route: Route): unknown {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(route.query).map(([name, shape]: [string, Shape]) => ({
    name,
    in: "query",
    required: false,
    schema: schemaOf(shape),
  }));
  const header = { name: CHANGE_HEADER, in: "header", required: true };
  const inHeader = route.method === "POST" ? [{ ...header, schema: { const: CHANGE_VALUE } }] : [];
  const content = (schema: unknown) => ({ "application/json": { schema } });
  return {
    summary: route.summary,
    parameters: [...inPath, ...inQuery, ...inHeader],
    ...route.body === undefined
      ? {}
      : { requestBody: { required: true, content: content(schemaOf(route.body)) } },
    responses: {
      "200": { description: route.answers, content: answerOf(route) },
      default: {
        description: "It is not answered as it was meant.",
        content: content({ $ref: "#/components/schemas/ApiError" }),
      },
    },
  };
}

function answerOf({ answers }: Route): unknown {
  return Object.fromEntries(
    Object.entries(ANSWERS[answers]).map(([type, schema]) => [type, { schema }]),
  );
}
