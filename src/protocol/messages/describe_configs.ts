/**
 * DescribeConfigs: the configuration of topics, brokers, groups and client metrics.
 *
 * v1 synonyms and where a value comes from · v3 types and documentation · v4 flexible.
 */
import { api, array, bool, int16, int32, int8, string } from "../schema.ts";

export const DescribeConfigs = api({
  key: 32,
  name: "DescribeConfigs",
  versions: "1-4",
  flexible: "4+",
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: array(string).nullable(),
    }),
    includeSynonyms: bool,
    includeDocumentation: bool.in("3+"),
  },
  response: {
    throttleTimeMs: int32,
    results: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        // 1 topic, 2 broker, 3 all brokers' default, 4 broker's file, 5 built-in default, 6 broker logger, 7 client metrics, 8 group
        configSource: int8.default(-1),
        isSensitive: bool,
        synonyms: array({
          name: string,
          value: string.nullable(),
          source: int8,
        }),
        configType: int8.in("3+").ignorable(),
        documentation: string.nullable().default("").in("3+").ignorable(),
      }),
    }),
  },
});
