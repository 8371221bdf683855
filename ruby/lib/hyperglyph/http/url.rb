# frozen_string_literal: true

module Hyperglyph
  module HTTP
    # URLs: joined as RFC 3986, chapter 5, says, and never spelled anew (standard, chapter 15). Ruby's own URI
    # would refuse what the standard sends as it stands, and re-spell some of it.
    module URL
      # Appendix B of RFC 3986, the scheme by its grammar. It fits every text.
      REFERENCE = %r{\A(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?\z}m.freeze
      AUTHORITY = /\A(?:(?<user>.*)@)?(?<host>\[[^\[\]@]*\]|[^\[\]:@]*)(?::(?<port>[0-9]*))?\z/m.freeze
      PORTS = { "http" => 80, "https" => 443 }.freeze
      # Characters, all of them ASCII, of the longest URL that is followed or served (REQ-URL-16).
      MAX_LENGTH = 4_000

      # Why a URL cannot be followed. `rule`: whether a rule of security forbids it.
      class Unfit < StandardError
        attr_reader :rule

        def initialize(reason, rule: false)
          @rule = rule
          super(reason)
        end
      end

      # Where a request goes. `host` is without brackets, `authority` what the Host header says, `path` the
      # target of the request line, `origin` scheme, host and port in one spelling, `url` all without the fragment.
      Target = Struct.new(:scheme, :host, :port, :authority, :path, :origin, :url, keyword_init: true) do
        def secure?
          scheme == "https"
        end
      end

      module_function

      # The URL that a reference leads to from an absolute base; nil and "" mean the base itself without its
      # fragment (REQ-URL-1). Never fails: what it gives may be unfit to be followed.
      def join(base, reference)
        return base[/\A[^#]*/m] if reference.nil? || reference.empty?

        scheme, authority, path, query, fragment = split(reference)
        return compose(scheme, authority, without_dots(path), query, fragment) if scheme

        base_scheme, base_authority, base_path, base_query = split(base)
        if authority
          compose(base_scheme, authority, without_dots(path), query, fragment)
        elsif path.empty?
          compose(base_scheme, base_authority, base_path, query || base_query, fragment)
        else
          path = merge(base_authority, base_path, path) unless path.start_with?("/")
          compose(base_scheme, base_authority, without_dots(path), query, fragment)
        end
      end

      # What stands for a base that is too long to be followed: what is relative to it is unfit, too. Joined to it at
      # each of its members, the base itself would take its length for each of them.
      TOO_LONG = "too-long:"

      # The base that a URL makes for what is in its extension.
      def base(url)
        url.length > MAX_LENGTH ? TOO_LONG : without_fragment(url)
      end

      # The Target of an absolute URL. Raises Unfit for what REQ-URL-9, REQ-URL-10 and REQ-URL-13 forbid, and
      # for a URL that is too long.
      def target(url)
        raise Unfit, "a URL may have #{MAX_LENGTH} characters, and this has #{url.length}" if url.length > MAX_LENGTH
        raise Unfit, "a URL is printable ASCII without blanks" unless url.match?(/\A[\x21-\x7e]*\z/)

        scheme, authority, path, query = split(url)
        port = PORTS[scheme&.downcase] or raise Unfit.new("only http and https are followed", rule: true)
        parts = AUTHORITY.match(authority.to_s) or raise Unfit, "the host of the URL cannot be read"
        raise Unfit.new("a URL with a user name is not followed", rule: true) if parts[:user]
        raise Unfit, "a URL without a host" if parts[:host].empty? || parts[:host] == "[]"

        port = parts[:port].to_i unless parts[:port].to_s.empty?
        raise Unfit, "there is no port #{port}" unless port.between?(1, 65_535)

        host = parts[:host].delete("[]").downcase
        Target.new(scheme: scheme.downcase, host: host, port: port, authority: authority,
                   path: "#{path.empty? ? '/' : path}#{"?#{query}" if query}",
                   origin: "#{scheme.downcase}://#{parts[:host].downcase}:#{port}", url: url[/\A[^#]*/])
      end

      # Scheme, authority, path, query and fragment; the path is never nil.
      def split(url)
        REFERENCE.match(url).captures
      end

      # Scheme and authority, as they are spelled, for people; "" for none.
      def origin(url)
        url.to_s[%r{\A[^:/?#]*://[^/?#]*}].to_s
      end

      # Whether there is a query, an empty one too.
      def query?(url)
        !split(url)[3].nil?
      end

      def without_fragment(url)
        url[/\A[^#]*/m]
      end

      def compose(scheme, authority, path, query, fragment)
        "#{"#{scheme}:" if scheme}#{"//#{authority}" if authority}#{path}" \
          "#{"?#{query}" if query}#{"##{fragment}" if fragment}"
      end

      # Section 5.2.3.
      def merge(authority, base_path, path)
        return "/#{path}" if authority && base_path.empty?

        "#{base_path[%r{\A.*/}m]}#{path}"
      end

      # Section 5.2.4, segment by segment.
      def without_dots(path)
        return path unless path.match?(%r{(?:\A|/)\.\.?(?:/|\z)})

        segments = path.split("/", -1)
        rooted = path.start_with?("/")
        segments.shift if rooted
        kept = []
        segments.each_with_index do |segment, index|
          last = index == segments.size - 1
          case segment
          when "." then kept << "" if last
          when ".."
            kept.pop
            kept << "" if last
          else kept << segment
          end
        end
        "#{'/' if rooted}#{kept.join('/')}"
      end
      private_class_method :compose, :merge, :without_dots
    end
  end
end
