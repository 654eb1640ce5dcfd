-- Saves step 2 for PostGraphile, which has no other way to write three tables in one call.
CREATE SCHEMA IF NOT EXISTS bench_peer;
CREATE OR REPLACE FUNCTION bench_peer.save_step_2(website text, data json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    owner text := current_setting('app.user_id');
    analysis jsonb := data::jsonb -> 'analysis';
    session bigint;
    furthest text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(owner, 0));
    INSERT INTO onboarding_sessions (user_id, furthest_step) VALUES (owner, 'website')
        ON CONFLICT (user_id) DO UPDATE SET
            furthest_step = CASE WHEN onboarding_sessions.furthest_step IN ('research', 'persona', 'integrations', 'finish')
                THEN onboarding_sessions.furthest_step ELSE 'website' END,
            updated_at = now(), version = onboarding_sessions.version + 1
        RETURNING id, furthest_step INTO session, furthest;
    INSERT INTO onboarding_steps (user_id, session_id, step_key, status, data, validation_errors, completed_at)
        VALUES (owner, session, 'website', 'completed', save_step_2.data, '[]', now())
        ON CONFLICT (user_id, step_key) DO UPDATE SET
            status = excluded.status, data = excluded.data, validation_errors = excluded.validation_errors,
            completed_at = excluded.completed_at, updated_at = now(), version = onboarding_steps.version + 1;
    INSERT INTO website_analyses (user_id, session_id, website_url, writing_style, content_characteristics,
            target_audience, content_type, recommended_settings, brand_analysis, content_strategy_insights,
            crawl_result, style_patterns, style_guidelines, status, analysis_date)
        VALUES (owner, session, website, analysis -> 'writing_style', analysis -> 'content_characteristics',
            analysis -> 'target_audience', analysis -> 'content_type', analysis -> 'recommended_settings',
            analysis -> 'brand_analysis', analysis -> 'content_strategy_insights', analysis -> 'crawl_result',
            analysis -> 'style_patterns', analysis -> 'style_guidelines', 'completed', now())
        ON CONFLICT (user_id, md5(website_url)) DO UPDATE SET
            writing_style = excluded.writing_style, content_characteristics = excluded.content_characteristics,
            target_audience = excluded.target_audience, content_type = excluded.content_type,
            recommended_settings = excluded.recommended_settings, brand_analysis = excluded.brand_analysis,
            content_strategy_insights = excluded.content_strategy_insights, crawl_result = excluded.crawl_result,
            style_patterns = excluded.style_patterns, style_guidelines = excluded.style_guidelines,
            analysis_date = now(), updated_at = now();
    RETURN furthest;
END
$$;
GRANT USAGE ON SCHEMA bench_peer TO onboarding_app;
GRANT EXECUTE ON FUNCTION bench_peer.save_step_2 TO onboarding_app;
