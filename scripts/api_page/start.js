// Shows the description that this very API serves. It calls nothing else, and asks for no token.
SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#api",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  defaultModelRendering: "model",
  docExpansion: "list",
  queryConfigEnabled: false,
  supportedSubmitMethods: [],
  validatorUrl: null,
});
