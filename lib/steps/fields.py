"""The names of stored fields, apart from the models so that reading needs no pydantic."""

STYLE_FIELDS = (
    "writing_style",
    "content_characteristics",
    "target_audience",
    "content_type",
    "recommended_settings",
    "brand_analysis",
    "content_strategy_insights",
)
ANALYSIS_FIELDS = (*STYLE_FIELDS, "crawl_result", "style_patterns", "style_guidelines")

# Step 4's four fields as the wizard names them, and the columns that hold them.
PERSONA_FIELDS = {
    "corePersona": "core_persona",
    "platformPersonas": "platform_personas",
    "qualityMetrics": "quality_metrics",
    "selectedPlatforms": "selected_platforms",
}
