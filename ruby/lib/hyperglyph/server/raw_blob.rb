# frozen_string_literal: true

module Hyperglyph
  module Server
    # A result that is one blob, as a body of its own type (section 19.5).
    class RawBlob
      # What keeps a browser from running it as a page of this service (REQ-BLOBHTTP-3).
      HARMLESS = { "x-content-type-options" => "nosniff", "content-security-policy" => "sandbox",
                   "content-disposition" => "attachment" }.freeze
      RANGE = /\Abytes=(\d*)-(\d*)\z/i.freeze

      # tagged: whether its octets are read beforehand, for an entity tag.
      def initialize(blob, modified, tagged:)
        @blob = blob
        @modified = modified
        @tag = Page.tag(blob.read) if tagged
      end

      def answer(request)
        whole = Answer.new(200, headers, BlobBody.new(@blob, @blob.size && (0...@blob.size)))
        return whole unless request.get?

        answer = whole.conditional(request.env)
        answer.status == 200 && ranges? ? part(request.env, whole) : answer
      end

      private

      def headers
        { "content-type" => @blob.content_type, **HARMLESS, "etag" => @tag, "last-modified" => @modified&.httpdate,
          "content-length" => @blob.size&.to_s, "accept-ranges" => ("bytes" if ranges?) }.compact
      end

      def ranges?
        !@blob.size.nil? && @blob.io.respond_to?(:seek)
      end

      def part(env, whole)
        return whole unless env["HTTP_RANGE"] && current?(env["HTTP_IF_RANGE"])

        range = range(env["HTTP_RANGE"]) or return whole
        if range.size.zero?
          raise Refusal.new(416, "there is nothing in that range", range: "bytes */#{@blob.size}")
        end

        said = { "content-range" => "bytes #{range.begin}-#{range.end - 1}/#{@blob.size}", "content-length" => range.size.to_s }
        Answer.new(206, { **headers, **said }, BlobBody.new(@blob, range))
      end

      def current?(tag)
        tag.nil? || (tag == @tag && !@tag.nil?)
      end

      # The one range that is asked for, cut to what is there: empty if nothing is; nil if it cannot be read.
      def range(field)
        first, last = RANGE.match(field.strip)&.captures
        return if first.nil? || (first.empty? && last.empty?)
        return [@blob.size - last.to_i, 0].max...@blob.size if first.empty?
        return if !last.empty? && last.to_i < first.to_i

        stop = last.empty? ? @blob.size : [last.to_i + 1, @blob.size].min
        first.to_i...[stop, first.to_i].max
      end
    end
  end
end
