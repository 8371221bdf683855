# frozen_string_literal: true

require "zlib"

module Hyperglyph
  module Server
    # An answer before it becomes one of Rack: its status, headers (names in lower case), and body, an Array of
    # octets or what has `each`.
    class Answer
      # Octets from which on messages are compressed.
      COMPRESSED_FROM = 1_024
      CACHED = [200, 204, 206, 303, 304, 404].freeze

      attr_reader :status, :headers, :body

      def initialize(status, headers = {}, body = [])
        @status = status
        @headers = headers
        @body = body
      end

      # A whole message. tag: whether it has an entity tag, as the answers to GET.
      def self.message(octets, status: 200, tag: false, headers: {})
        tagged = tag ? { "etag" => Page.tag(octets) } : {}
        new(status, { "content-type" => HTTP::MEDIA_TYPE, **tagged, **headers }, [octets])
      end

      # An error extension (REQ-STATUS-20).
      def self.error(failure, logref)
        message(Codec.encode(extension(failure, logref)), status: failure.status, headers: failure.headers)
      end

      def self.extension(failure, logref)
        Extension.new("error", { "logref" => logref, "message" => Server.text(failure.message),
                                 **(failure.code.nil? ? {} : { "code" => failure.code }) }, failure.content)
      end

      # 303 to a URL, which is made ASCII (REQ-URL-6, REQ-SAFE-7).
      def self.redirect(url)
        raise ArgumentError, "there is no URL to redirect to" if url.empty?

        new(303, { "location" => url.b.gsub(/[^!-~]/n) { |octet| format("%%%02X", octet.ord) } })
      end

      # What the conditions of a GET make of it (section 19.4). Raises Refusal with 412.
      def conditional(env)
        return self unless @status == 200

        Conditions.new(env, @headers["etag"], @headers["last-modified"]).check
        self
      rescue Conditions::Unchanged
        Answer.new(304, @headers.slice("etag", "last-modified"))
      end

      # As the request asks for it: compressed, if it is a message that is worth it (REQ-HEAD-7), and for GET under
      # its conditions. A compressed message has a weak entity tag: it is another body (REQ-COND-3).
      def fit(request)
        compressed = compressible? && Answer.gzip?(request.env["HTTP_ACCEPT_ENCODING"])
        answer = compressed ? weakened : self
        answer = answer.conditional(request.env) if request.get?
        return answer unless compressed && answer.status == 200

        Answer.new(200, { **answer.headers, "content-encoding" => "gzip" }, [Zlib.gzip(@body.join)])
      end

      # REQ-COND-6 to 8.
      def cacheable(vary, public_for)
        return self unless CACHED.include?(@status)

        shared = public_for && [200, 304].include?(@status)
        control = shared ? "public, max-age=#{public_for}" : "private, no-cache"
        Answer.new(@status, { **@headers, "vary" => vary, "cache-control" => control }, @body)
      end

      # As Rack takes it; `head`: without the body.
      def to_rack(head: false)
        headers = @headers.dup
        unless [204, 304].include?(@status)
          length = @body.is_a?(Array) ? @body.sum(&:bytesize) : nil
          headers["content-length"] ||= length.to_s if length
        end
        return [@status, headers, @body] unless head

        @body.close if @body.respond_to?(:close)
        [@status, headers, []]
      end

      def weakened
        tag = @headers["etag"]
        tag ? Answer.new(@status, { **@headers, "etag" => "W/#{tag}" }, @body) : self
      end

      def compressible?
        @status == 200 && @headers["content-type"] == HTTP::MEDIA_TYPE && @body.is_a?(Array) &&
          @body.sum(&:bytesize) >= COMPRESSED_FROM
      end
      private :weakened, :compressible?

      def self.gzip?(accepted)
        HTTP::Headers.list(accepted.to_s).any? do |member|
          coding, weight = member.split(";", 2).map { |part| part.strip.downcase }
          coding == "gzip" && (weight.nil? || /\Aq\s*=\s*(?:1|0?\.\d*[1-9])/.match?(weight))
        end
      end
    end
  end
end
