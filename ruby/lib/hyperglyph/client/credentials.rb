# frozen_string_literal: true

module Hyperglyph
  class Client
    # What the user gives for some origins, and for no others (REQ-SAFE-1).
    class Credentials
      # Headers of the user's that go everywhere.
      EVERYWHERE = %w[accept user-agent traceparent x-request-id].freeze
      # Headers that the client writes itself.
      OWN = %w[host content-length content-type content-disposition transfer-encoding connection method te trailer
               accept-encoding hyperglyph-timeout upgrade expect referer].freeze

      # `origins`: those that are trusted like the first one. `headers`: for these. `each`: headers by origin.
      # ArgumentError for what is no origin, or no header that a user may set.
      def initialize(origins, headers, each)
        @listed = origins.map { |origin| Credentials.origin(origin) }.freeze
        @headers = Credentials.checked(headers)
        @each = each.to_h { |origin, given| [Credentials.origin(origin), Credentials.checked(given)] }.freeze
        @first = nil
        @lock = Mutex.new
      end

      # Without the values: this stands in what Ruby prints of a client.
      def inspect
        "#<#{self.class} #{@headers.map(&:first).join(', ')} #{@each.keys.join(', ')}>"
      end

      # The user has asked for this origin. The first one is what the headers are for.
      def asked(origin)
        @lock.synchronize { @first ||= origin }
      end

      # Whether the user has listed it, or asked for it first.
      def trusted?(origin)
        origin == @first || listed?(origin)
      end

      def listed?(origin)
        @listed.include?(origin)
      end

      # The headers of the user's that go to a target, pairs of text.
      def fields(target)
        fields = [["User-Agent", "hyperglyph-ruby/#{VERSION}"]]
        trusted = trusted?(target.origin)
        fields += @headers.select { |name, _| trusted || EVERYWHERE.include?(name.downcase) }
        fields + @each.fetch(target.origin, [])
      end

      def self.origin(url)
        HTTP::URL.target(url).origin
      rescue HTTP::URL::Unfit => e
        raise ArgumentError, "#{url.inspect} is no origin, as http://example.org: #{e.message}"
      end

      def self.checked(headers)
        headers.map do |name, value|
          name = name.to_s
          raise ArgumentError, "#{name.inspect} is no name of a header" unless name.match?(/\A#{HTTP::Headers::TOKEN}\z/)
          raise ArgumentError, "#{name} is written by the client itself" if OWN.include?(name.downcase)
          raise ArgumentError, "#{name} must be printable ASCII" unless value.is_a?(String) && HTTP::Headers::PRINTABLE.match?(value)

          [name, value]
        end.freeze
      end
    end
  end
end
