# frozen_string_literal: true

require "ipaddr"
require "zlib"

module Hyperglyph
  module Server
    # A request: its head, checked as sections 18.1, 18.2 and 18.4 ask. What is wrong raises a Refusal.
    class Request
      # Octets of a path and query (REQ-URL-16): clients follow no longer ones.
      MAX_URL = HTTP::URL::MAX_LENGTH
      PIECE = 65_536
      TIMEOUT = /\A\d{1,9}(?:\.\d{1,9})?\z/.freeze
      HOST = /\A(\[[0-9a-f:.]+\]|[a-z0-9\-_.]+)(?::(\d{0,5}))?\z/i.freeze
      ORIGIN = %r{\A(https?)://(.*)\z}i.freeze
      PORTS = { "http" => "80", "https" => "443" }.freeze
      OVERRIDES = %w[PUT PATCH DELETE].freeze

      attr_reader :env, :method, :accept, :deadline, :base

      # loopback: only names of loopback are answered for, unless the router was told its hosts.
      def initialize(env, router, loopback: false)
        @env = env
        @router = router
        @loopback = loopback
        @base = Server.text(env["SCRIPT_NAME"])
        @accept = HTTP::Accept.new(env["HTTP_ACCEPT"])
        @method = env["REQUEST_METHOD"]
        @deadline = HTTP::Deadline::NEVER
      end

      # Raises Refusal for a head that must not be answered otherwise.
      def check
        @deadline = read_deadline
        check_host
        check_length
        @method = overridden
        check_origin if unsafe?
        self
      end

      # Also for methods that are not known: what is not GET or HEAD may have been meant to change something.
      def unsafe?
        HTTP::Forms::UNSAFE_METHODS.include?(@method)
      end

      def get?
        %w[GET HEAD].include?(@method)
      end

      # The segments of the path behind the base, decoded; nil where there is nothing of that name. [] is the root,
      # and "" at the end stands for a slash there.
      def segments
        path = env["PATH_INFO"].to_s
        return [] if ["", "/"].include?(path)

        path.delete_prefix("/").split("/", -1).map do |segment|
          text = HTTP::Forms.percent_decode(segment).force_encoding(Encoding::UTF_8)
          text.valid_encoding? ? text : raise(Refusal.new(404, Server::NOTHING))
        end
      rescue HTTP::Forms::Malformed
        raise Refusal.new(400, "the URL has a '%' without two hexadecimal digits")
      end

      def query
        env["QUERY_STRING"].to_s
      end

      # The arguments of a call, by the envelope of the action: a Hash of names to values.
      def arguments(envelope)
        case get? ? "query" : envelope
        when "query" then from_query
        when "blob" then from_blob
        when "none" then from_nothing
        else from_body
        end
      rescue Codec::DecodeError => error
        raise Refusal.new(error.kind == :limit ? 413 : 400, "the arguments cannot be read: #{Server.shown(error.message)}")
      rescue HTTP::Forms::Malformed => error
        raise Refusal.new(400, Server.shown(error.message))
      rescue HTTP::Forms::Unnamed => error
        raise Refusal.new(415, error.message)
      end

      # The path behind the base, if a URL is one of this service; nil if not.
      def path_of(url)
        scheme, authority, path = url.match(%r{\A(https?)://([^/?#]*)(/[^?#]*)\z}i)&.captures
        return unless scheme && same_host?(scheme, authority) && path.start_with?("#{@base}/")

        path.delete_prefix(@base)
      end

      private

      def check_host
        host = env["HTTP_HOST"]
        raise Refusal.new(400, "a request needs one Host") if host.nil?

        name = HOST.match(host)&.[](1)&.downcase or raise Refusal.new(400, "Host cannot be read")
        return if answers_for?(name)

        raise Refusal.new(421, "this service does not answer for that host: if it should, the list of its hosts is incomplete")
      end

      def answers_for?(name)
        return @router.hosts.include?(name) if @router.hosts

        address = address_of(name)
        return address ? address.loopback? : name == "localhost" if @loopback

        !address.nil? || name == "localhost" || name == Socket.gethostname.downcase
      end

      # Only four numbers and IPv6 in brackets are addresses; what else a resolver takes for one is a name.
      def address_of(name)
        IPAddr.new(name.delete("[]")) if /\A\d{1,3}(?:\.\d{1,3}){3}\z|\A\[/.match?(name)
      rescue IPAddr::Error
        nil
      end

      def check_length
        length = env["PATH_INFO"].to_s.bytesize + query.bytesize + @base.bytesize
        raise Refusal.new(414, "a URL of more than #{MAX_URL} octets") if length > MAX_URL
        return unless env["HTTP_TRANSFER_ENCODING"] && env["CONTENT_LENGTH"]

        raise Refusal.new(400, "Content-Length and Transfer-Encoding in one request")
      end

      # REQ-METHOD-2 to 4.
      def overridden
        named = env["HTTP_METHOD"]
        return @method if named.nil? || named == @method
        return named if @method == "POST" && OVERRIDES.include?(named)

        raise Refusal.new(400, "the header Method names PUT, PATCH or DELETE, with POST")
      end

      def check_origin
        site = env["HTTP_SEC_FETCH_SITE"]
        raise Refusal.new(403, "a page of another site may not do that") unless
          site.nil? || %w[same-origin none].include?(site)

        origin = env["HTTP_ORIGIN"] or return
        scheme, authority = ORIGIN.match(origin)&.captures
        raise Refusal.new(403, "a page of another origin may not do that") unless scheme && same_host?(scheme, authority)
      end

      # Whether an authority has the host and port of Host. A Host without a port has that of the scheme, whichever
      # it is, since TLS may end in front of this server (REQ-HEAD-6).
      def same_host?(scheme, authority)
        (host, port), (own, own_port) = [authority, env["HTTP_HOST"]].map { |text| HOST.match(text)&.captures || [] }
        return false unless host && own && host.casecmp?(own)

        implied = PORTS[scheme.downcase]
        [port, own_port].map { |given| given.to_s.empty? ? implied : given }.uniq.size == 1
      end

      def read_deadline
        seconds = env["HTTP_HYPERGLYPH_TIMEOUT"] or return @deadline
        raise Refusal.new(400, "Hyperglyph-Timeout is a number of seconds, once") unless TIMEOUT.match?(seconds)

        HTTP::Deadline.new(seconds.to_f)
      end

      def from_query
        return {} if query.empty?

        decoder = Codec::Decoder.new(limits: @router.limits)
        decoder.feed(HTTP::Forms.query_decode(query))
        arguments = decoder.finish
        raise Refusal.new(400, "blobs cannot travel in a URL") if Server.blob?(arguments)

        mapping(arguments)
      end

      def from_body
        check_type
        decoder = Codec::Decoder.new(limits: @router.limits)
        empty = true
        each_piece do |piece|
          empty &&= piece.empty?
          decoder.feed(piece)
        end
        empty ? {} : mapping(decoder.finish)
      end

      def from_blob
        type = content_type || Blob::DEFAULT_TYPE
        name = HTTP::Forms.disposition_name(env["HTTP_CONTENT_DISPOSITION"])
        spool = Blob::Spool.new
        each_piece do |piece|
          too_large(@router.limits.blob_octets) if spool.size + piece.bytesize > @router.limits.blob_octets
          spool.write(piece)
        end
        spool.done
        { name => Blob.decoded({ "content-type" => type }, spool) }
      end

      def from_nothing
        check_type
        each_piece { |piece| raise Refusal.new(400, "this call has no body") unless piece.empty? }
        query.empty? ? {} : raise(Refusal.new(400, "this call has no arguments"))
      end

      def mapping(arguments)
        return arguments if arguments.is_a?(Hash)

        raise Refusal.new(400, "the arguments are a dict or an ordered dict")
      end

      # The one Content-Type as it stands, nil if there is none.
      def content_type
        given = env["CONTENT_TYPE"]
        return if given.nil? || given.empty?
        return given.dup.force_encoding(Encoding::UTF_8) if HTTP::Headers.list(given).size == 1 &&
                                                            HTTP::Headers::PRINTABLE.match?(given.b)

        raise Refusal.new(415, "more than one Content-Type, or one that cannot be read")
      end

      def check_type
        return if HTTP::Headers.media_type(content_type) == HTTP::MEDIA_TYPE

        raise Refusal.new(415, "an unsafe request carries the content type of hyperglyph")
      end

      # The octets of the body, inflated, in pieces. Raises Refusal with 413 as soon as there are too many, with 400
      # if it ends too early (REQ-SAFE-12), with 415 for a coding that is not one layer of gzip.
      def each_piece(&block)
        codings = HTTP::Headers.list(env["HTTP_CONTENT_ENCODING"].to_s)
        return each_octets(&block) if codings.empty?
        raise Refusal.new(415, "of codings this service takes one layer of gzip") unless codings.map(&:downcase) == ["gzip"]

        inflate(&block)
      end

      def each_octets
        declared = declared_length
        read = 0
        while (piece = read_piece(declared ? declared - read : PIECE))
          too_large if (read += piece.bytesize) > @router.max_body
          yield piece
        end
        raise Refusal.new(400, "the body ends too early") if declared && read < declared
      end

      # Never more than Content-Length says, whatever the server below has in store.
      def read_piece(most)
        piece = env["rack.input"]&.read([most, PIECE].min) if most.positive?
        piece unless piece.nil? || piece.empty?
      rescue IOError, SystemCallError
        raise Refusal.new(400, "the body cannot be read to its end")
      end

      def declared_length
        given = env["CONTENT_LENGTH"]
        return if given.nil? || given.empty?
        raise Refusal.new(400, "Content-Length is no number") unless /\A\d+\z/.match?(given)

        too_large if given.to_i > @router.max_body
        given.to_i
      end

      def too_large(most = @router.max_body)
        raise Refusal.new(413, "a body of more than #{most} octets")
      end

      def inflate
        inflater = Zlib::Inflate.new(16 + Zlib::MAX_WBITS)
        given = total = 0
        each_octets do |piece|
          given += piece.bytesize
          inflater.inflate(piece) do |plain|
            too_large if (total += plain.bytesize) > @router.max_body
            yield plain
          end
          break if inflater.finished?
        end
        raise Refusal.new(400, "the compressed body ends too early, or goes on") unless
          inflater.finished? && inflater.total_in == given && read_piece(1).nil?
      rescue Zlib::Error
        raise Refusal.new(400, "the compressed body is damaged")
      ensure
        inflater&.reset
        inflater&.close
      end
    end
  end
end
