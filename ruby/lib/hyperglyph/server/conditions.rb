# frozen_string_literal: true

module Hyperglyph
  module Server
    # The conditions of a request, against the entity tag and time of what is there.
    class Conditions
      # What was asked for is as the caller knows it: 304.
      class Unchanged < StandardError; end
      TAG = %r{(?:W/)?"[!\x23-\x7e\x80-\xff]*"}n.freeze
      TAGS = /\A#{TAG}(?:[ \t]*,[ \t]*#{TAG})*\z/n.freeze

      # tag: the current entity tag, or several that name it, or nil. modified: an HTTP-date or Time, or nil.
      def initialize(env, tag, modified)
        @env = env
        @tags = Array(tag)
        @modified = modified.is_a?(String) ? HTTP::Headers.date(modified) : modified
      end

      # For GET. Raises Unchanged, or Refusal with 412.
      def check
        check_unsafe(named: false)
        raise Unchanged if known?
      end

      # For unsafe methods. Raises Refusal with 412.
      def check_unsafe(named: true)
        changed if @env["HTTP_IF_MATCH"] ? !matches? : later?("HTTP_IF_UNMODIFIED_SINCE")
        changed if named && @env["HTTP_IF_NONE_MATCH"] && none_match?
      end

      private

      def changed
        raise Refusal.new(412, "it has changed since: reload it, and decide anew")
      end

      def matches?
        field = @env["HTTP_IF_MATCH"].strip
        field == "*" ? !@tags.empty? : !(tags(field) & @tags.reject { |tag| tag.start_with?("W/") }).empty?
      end

      def none_match?
        field = @env["HTTP_IF_NONE_MATCH"].strip
        return !@tags.empty? if field == "*"

        !(tags(field).map { |tag| tag.delete_prefix("W/") } & @tags.map { |tag| tag.delete_prefix("W/") }).empty?
      end

      def known?
        return none_match? if @env["HTTP_IF_NONE_MATCH"]

        since = @env["HTTP_IF_MODIFIED_SINCE"]
        !since.nil? && !@modified.nil? && !later?("HTTP_IF_MODIFIED_SINCE") && !HTTP::Headers.date(since).nil?
      end

      # Whether it was changed after the time that the header says; not if one of the two is not known.
      def later?(header)
        given = @env[header] && HTTP::Headers.date(@env[header])
        !given.nil? && !@modified.nil? && @modified.to_i > given.to_i
      end

      def tags(field)
        TAGS.match?(field.b) ? field.b.scan(TAG).map { |tag| tag.force_encoding(Encoding::UTF_8) } : []
      end
    end
  end
end
