"""What the sample AI backend answers: data in the shapes that the page shows, every text of it marked "Sample".

The shapes are those of ALwrity's `StyleDetectionResponse`, `CompetitorDiscoveryResponse`, `SitemapAnalysisResponse` and
`PersonaTaskStatus` (https://github.com/AJaySi/ALwrity, backend/models and backend/api/onboarding_utils).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

type Answer = dict[str, Any]

UNKNOWN_SITE = "your website"
PLATFORMS = ("linkedin", "blog")
"""The platforms that the page preselects."""


def site_name(url: str) -> str:
    """The host of a URL without `www.`, which the page may send without a scheme."""
    host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    return host.removeprefix("www.") or UNKNOWN_SITE


def style_detection(url: str, *, patterns: bool = True, guidelines: bool = True) -> Answer:
    """The answer to `style-detection/complete`; patterns and guidelines are null unless asked for."""
    site = site_name(url)
    return {
        "success": True,
        "crawl_result": {
            "success": True,
            "url": url,
            "content": {
                "title": f"Sample title of {site}",
                "description": f"Sample description of {site}",
                "main_content": f"Sample text in place of the pages of {site}, which nothing has read.",
                "headings": ["Sample heading"],
                "links": [{"text": "Sample link", "href": url}],
            },
            "metrics": {"word_count": 12, "pages_crawled": 1},
        },
        "style_analysis": _style_analysis(site),
        "style_patterns": _style_patterns() if patterns else None,
        "style_guidelines": _style_guidelines(site) if guidelines else None,
        "error": None,
        "warning": "Sample data: no AI service has looked at this website.",
        "timestamp": now(),
    }


def competitors(url: str, *, industry: str | None, limit: int) -> Answer:
    """The answer to `discover-competitors`: at most `limit` competitors."""
    site = site_name(url)
    found = [_competitor(number, site) for number in range(1, min(limit, 3) + 1)]
    return {
        "success": True,
        "message": f"Sample data: found {len(found)} invented competitors of {site}",
        "session_id": "sample-session",
        "user_url": url,
        "competitors": found,
        "social_media_accounts": {"linkedin": "https://www.linkedin.com/company/sample"},
        "social_media_citations": [{"title": "Sample citation", "url": "https://sample-citation.example.com"}],
        "research_summary": {
            "total_competitors": len(found),
            "high_threat_competitors": 1,
            "content_focus_distribution": {"Sample focus": len(found)},
            "market_insights": f"Sample market insights for {site}",
            "key_findings": [f"Sample finding about {site}", "Sample finding about its market"],
            "recommendations": ["Sample recommendation"],
            "competitive_landscape": "Sample: moderate",
        },
        "total_competitors": len(found),
        "industry_context": industry,
        "analysis_timestamp": now(),
        "api_cost": 0.0,
    }


def sitemap(url: str, *, sitemap_url: str | None = None) -> Answer:
    """The answer to `analyze-sitemap`."""
    site = site_name(url)
    sitemap_url = sitemap_url or f"{url.rstrip('/')}/sitemap.xml"
    insights = {
        "competitive_positioning": f"Sample positioning of {site} among its competitors",
        "content_gaps": ["Sample content gap"],
        "growth_opportunities": ["Sample growth opportunity"],
        "industry_benchmarks": ["Sample benchmark"],
        "strategic_recommendations": ["Sample recommendation"],
    }
    return {
        "success": True,
        "message": f"Sample data: nothing has read the sitemap of {site}",
        "user_url": url,
        "sitemap_url": sitemap_url,
        "analysis_data": {
            "sitemap_url": sitemap_url,
            "analysis_date": now(),
            "total_urls": 42,
            "structure_analysis": {
                "total_urls": 42,
                "url_patterns": {"sample-blog": 30, "sample-products": 12},
                "file_types": {"html": 42},
                "average_path_depth": 1.5,
                "max_path_depth": 3,
                "structure_quality": "Sample: good",
            },
            "content_trends": {
                "date_range": {"earliest": "2026-01-01T00:00:00", "latest": "2026-06-30T00:00:00", "span_days": 180},
                "monthly_distribution": {"2026-05": 7, "2026-06": 8},
                "publishing_velocity": 0.25,
                "total_dated_urls": 15,
                "trends": ["Sample trend"],
            },
            "publishing_patterns": {
                "priority_distribution": {"0.5": 42},
                "changefreq_distribution": {"weekly": 42},
                "optimization_opportunities": ["Sample opportunity"],
            },
            "onboarding_insights": insights,
        },
        "onboarding_insights": insights,
        "analysis_timestamp": now(),
        "discovery_method": "sample",
        "error": None,
    }


def personas(onboarding_data: Mapping[str, Any], platforms: Sequence[str]) -> Answer:
    """The answer to `generate-personas`, and the result of a persona task."""
    site = _site_of(onboarding_data)
    return {
        "success": True,
        "core_persona": _core_persona(site),
        "platform_personas": {platform: _platform_persona(platform, site) for platform in platforms or PLATFORMS},
        "quality_metrics": {
            "overall_score": 80,
            "core_completeness": 85,
            "platform_consistency": 80,
            "platform_optimization": 75,
            "linguistic_quality": 80,
            "recommendations": ["Sample recommendation: use a real AI backend"],
        },
        "error": None,
    }


def _style_analysis(site: str) -> Answer:
    return {
        "writing_style": {
            "tone": f"Sample tone of {site}",
            "voice": "Sample voice",
            "complexity": "Sample complexity",
            "engagement_level": "Sample engagement",
            "brand_personality": "Sample personality",
            "formality_level": "Sample formality",
            "emotional_appeal": "Sample appeal",
        },
        "content_characteristics": {
            "sentence_structure": "Sample sentence structure",
            "vocabulary_level": "Sample vocabulary",
            "paragraph_organization": "Sample paragraphs",
            "content_flow": "Sample flow",
            "readability_score": "Sample readability",
            "content_density": "Sample density",
            "visual_elements_usage": "Sample visuals",
        },
        "target_audience": {
            "demographics": [f"Sample readers of {site}"],
            "expertise_level": "Sample expertise",
            "industry_focus": "Sample industry",
            "geographic_focus": "Sample region",
            "psychographic_profile": "Sample profile",
            "pain_points": ["Sample pain point"],
            "motivations": ["Sample motivation"],
        },
        "content_type": {
            "primary_type": "Sample articles",
            "secondary_types": ["Sample guides"],
            "purpose": "Sample purpose",
            "call_to_action": "Sample call to action",
            "conversion_focus": "Sample conversion",
            "educational_value": "Sample value",
        },
        "recommended_settings": {
            "writing_tone": "Sample tone",
            "target_audience": "Sample audience",
            "content_type": "Sample content type",
            "creativity_level": "Sample creativity",
            "geographic_location": "Sample region",
            "industry_context": "Sample industry",
            "brand_alignment": "Sample alignment",
        },
        "brand_analysis": {
            "brand_voice": f"Sample voice of {site}",
            "brand_values": ["Sample value"],
            "brand_positioning": "Sample positioning",
            "competitive_differentiation": "Sample differentiation",
            "trust_signals": ["Sample trust signal"],
            "authority_indicators": ["Sample authority"],
        },
        "content_strategy_insights": {
            "strengths": ["Sample strength"],
            "weaknesses": ["Sample weakness"],
            "opportunities": ["Sample opportunity"],
            "threats": ["Sample threat"],
            "recommended_improvements": ["Sample improvement"],
            "content_gaps": ["Sample gap"],
        },
    }


def _style_patterns() -> Answer:
    return {
        "sentence_length": "Sample length",
        "vocabulary_patterns": ["Sample pattern"],
        "rhetorical_devices": ["Sample device"],
        "paragraph_structure": "Sample structure",
        "transition_phrases": ["Sample transition"],
        "style_consistency": "Sample consistency",
        "unique_elements": ["Sample element"],
    }


def _style_guidelines(site: str) -> Answer:
    return {
        "guidelines": {
            "tone_recommendations": [f"Sample tone for {site}"],
            "structure_guidelines": ["Sample structure"],
            "vocabulary_suggestions": ["Sample vocabulary"],
            "engagement_tips": ["Sample tip"],
            "audience_considerations": ["Sample consideration"],
            "brand_alignment": ["Sample alignment"],
            "seo_optimization": ["Sample optimization"],
            "conversion_optimization": ["Sample conversion"],
        },
        "best_practices": ["Sample practice"],
        "avoid_elements": ["Sample element to avoid"],
        "content_strategy": "Sample strategy",
        "ai_generation_tips": ["Sample generation tip"],
        "competitive_advantages": ["Sample advantage"],
        "content_calendar_suggestions": ["Sample suggestion"],
    }


def _competitor(number: int, site: str) -> Answer:
    domain = f"sample-competitor-{number}.example.com"
    return {
        "url": f"https://{domain}",
        "domain": domain,
        "title": f"Sample competitor {number} of {site}",
        "summary": f"Sample summary of an invented competitor of {site}",
        "relevance_score": round(1 - number / 10, 1),
        "highlights": [f"Sample highlight of competitor {number}"],
        "published_date": "2026-01-01T00:00:00Z",
        "author": "Sample author",
        "competitive_insights": {"business_model": "Sample model", "target_audience": "Sample audience"},
        "content_insights": {"content_focus": "Sample focus", "content_quality": "Sample quality"},
    }


def _core_persona(site: str) -> Answer:
    return {
        "identity": {
            "persona_name": f"Sample persona of {site}",
            "archetype": "Sample archetype",
            "core_belief": "Sample belief",
            "brand_voice_description": f"Sample voice of {site}",
        },
        "linguistic_fingerprint": {
            "sentence_metrics": {
                "average_sentence_length_words": 14,
                "preferred_sentence_type": "Sample sentence type",
                "active_to_passive_ratio": "90:10",
                "complexity_level": "Sample complexity",
            },
            "lexical_features": {
                "go_to_words": ["sample"],
                "go_to_phrases": ["Sample phrase"],
                "avoid_words": ["sample-jargon"],
                "contractions": "Sample contractions",
                "filler_words": "Sample fillers",
                "vocabulary_level": "Sample vocabulary",
            },
            "rhetorical_devices": {
                "metaphors": "Sample metaphors",
                "analogies": "Sample analogies",
                "rhetorical_questions": "Sample questions",
                "storytelling_style": "Sample storytelling",
            },
        },
        "tonal_range": {
            "default_tone": "Sample tone",
            "permissible_tones": ["Sample friendly tone"],
            "forbidden_tones": ["Sample harsh tone"],
            "emotional_range": "Sample range",
        },
        "stylistic_constraints": {
            "punctuation": {"ellipses": "Sample: rarely", "em_dash": "Sample: rarely", "exclamation_points": "Sample"},
            "formatting": {"paragraphs": "Sample: short", "lists": "Sample: often", "markdown": "Sample: headings"},
        },
    }


def _platform_persona(platform: str, site: str) -> Answer:
    return {
        "platform_type": platform,
        "sentence_metrics": {
            "max_sentence_length": 25,
            "optimal_sentence_length": 15,
            "sentence_variety": "Sample variety",
        },
        "lexical_adaptations": {
            "platform_specific_words": [f"sample-{platform}"],
            "hashtag_strategy": "Sample hashtags",
            "emoji_usage": "Sample emoji",
            "mention_strategy": "Sample mentions",
        },
        "content_format_rules": {
            "character_limit": 1500,
            "paragraph_structure": "Sample paragraphs",
            "call_to_action_style": f"Sample invitation to {site}",
            "link_placement": "Sample placement",
        },
        "engagement_patterns": {
            "posting_frequency": "Sample frequency",
            "optimal_posting_times": ["Sample: Tuesday, 9:00"],
            "engagement_tactics": ["Sample tactic"],
            "community_interaction": "Sample interaction",
        },
        "platform_best_practices": [f"Sample practice for {platform}"],
    }


def _site_of(onboarding_data: Mapping[str, Any]) -> str:
    """The website that a persona is for. The page sends its URL within the sitemap's analysis alone."""
    sitemap_analysis = onboarding_data.get("sitemapAnalysis")
    places = (onboarding_data, sitemap_analysis if isinstance(sitemap_analysis, dict) else {})
    urls = [place.get(name) for place in places for name in ("user_url", "userUrl", "website", "website_url")]
    return site_name(next((url for url in urls if isinstance(url, str) and url), ""))


def now() -> str:
    """The time of an answer."""
    return datetime.now(UTC).isoformat()
